using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <content>VM_CREATE.</content>
public sealed partial class XeVm
{
    /// <summary>Makes a VM; a mirror VM mirrors all addresses that the GPU can form.</summary>
    internal static XeVm Create(XeDevice device, XeVmOptions options)
    {
        RequireSense(options);
        if (options.Mirror && !device.Capabilities.SupportsCpuAddressMirror)
        {
            throw new XeException(
                Interop.Errno.EOPNOTSUPP,
                XeOperation.VmBindMirror,
                $"a mirror VM on {device.Node.Path}",
                "The device's configuration lacks HAS_CPU_ADDR_MIRROR: it needs an Xe2 GPU or later and a kernel built with DRM_XE_GPUSVM.");
        }

        XeResult result = TryCreate(device, options, out XeVm? vm, out bool created);
        if (vm is null)
        {
            ThrowHelper.Throw(
                result,
                created ? XeOperation.VmBindMirror : XeOperation.VmCreate,
                created ? $"mirror of {new GpuRange(0, 1UL << device.Configuration.VirtualAddressBits)}" : $"flags {FlagNames(options)}");
        }

        return vm;
    }

    /// <summary>Makes a VM, or says why not.</summary>
    internal static XeResult TryCreate(XeDevice device, XeVmOptions options, out XeVm? vm)
    {
        RequireSense(options);
        return TryCreate(device, options, out vm, out _);
    }

    private static XeResult TryCreate(XeDevice device, XeVmOptions options, out XeVm? vm, out bool created)
    {
        vm = null;
        created = false;
        if (options.Mirror && !device.Capabilities.SupportsCpuAddressMirror)
        {
            return new XeResult(Interop.Errno.EOPNOTSUPP);
        }

        using HandleUse use = device.Borrow();
        AnonymousMemory bindFence = AnonymousMemory.Map(sizeof(ulong));
        drm_xe_vm_create request = new() { flags = FlagsOf(options) };
        XeResult result = use.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, ref request);
        if (!result.IsSuccess)
        {
            bindFence.Dispose();
            return result;
        }

        created = true;
        XeVm made = new(device, new VmHandle(use.File, request.vm_id, bindFence), options);
        if (options.Mirror)
        {
            result = made.TryBind([XeBindOperation.Mirror(new GpuRange(0, made.AddressSpaceSize), made._mirrorOptions)]);
            if (!result.IsSuccess)
            {
                made.Dispose();
                return result;
            }
        }

        vm = made;
        return result;
    }

    private static void RequireSense(XeVmOptions options)
    {
        if (!Enum.IsDefined(options.Mode))
        {
            throw new ArgumentException($"{(int)options.Mode} is no XeVmMode.", nameof(options));
        }

        if (options.Mode != XeVmMode.Fault && (options.Mirror || options.NoOvercommit))
        {
            throw new ArgumentException(
                $"{(options.Mirror ? nameof(XeVmOptions.Mirror) : nameof(XeVmOptions.NoOvercommit))} needs a VM that serves page faults: " +
                $"{nameof(XeVmOptions.Mode)} must be {XeVmMode.Fault}, not {options.Mode}.",
                nameof(options));
        }

        if (!options.Mirror && (options.MirrorReadOnly || options.MirrorAdviceAutoReset))
        {
            throw new ArgumentException("The options of a mirror need Mirror = true.", nameof(options));
        }
    }

    private static XeBindOptions MirrorOptionsOf(XeVmOptions options) =>
        (options.MirrorReadOnly ? XeBindOptions.ReadOnly : 0) | (options.MirrorAdviceAutoReset ? XeBindOptions.AdviceAutoReset : 0);

    private static uint FlagsOf(XeVmOptions options) =>
        (options.ScratchPages ? DrmXe.DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE : 0)
        | (options.Mode != XeVmMode.DmaFence ? DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE : 0)
        | (options.Mode == XeVmMode.Fault ? DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE : 0)
        | (options.NoOvercommit ? DrmXe.DRM_XE_VM_CREATE_FLAG_NO_VM_OVERCOMMIT : 0);

    private static string FlagNames(XeVmOptions options)
    {
        List<string> names = [];
        uint flags = FlagsOf(options);
        foreach ((uint flag, string name) in ((uint, string)[])
            [
                (DrmXe.DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE, "SCRATCH_PAGE"),
                (DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE, "LR_MODE"),
                (DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE, "FAULT_MODE"),
                (DrmXe.DRM_XE_VM_CREATE_FLAG_NO_VM_OVERCOMMIT, "NO_VM_OVERCOMMIT"),
            ])
        {
            if ((flags & flag) != 0)
            {
                names.Add(name);
            }
        }

        return names.Count == 0 ? "none" : string.Join(" | ", names);
    }
}
