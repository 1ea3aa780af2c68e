using System.Diagnostics.CodeAnalysis;
using System.Text;
using XeSvm.Interop;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <content>What a device tells about itself, beyond what opening it asks.</content>
public sealed unsafe partial class XeDevice
{
    /// <summary>
    /// Asks for everything at once. What the device or the kernel does not know is told by <see cref="XeDeviceSnapshot.Unavailable"/>.
    /// </summary>
    /// <exception cref="XeException">The driver refused one of the four queries that every kernel with xe answers.</exception>
    /// <exception cref="InvalidDataException">An answer contradicts itself.</exception>
    public XeDeviceSnapshot QuerySnapshot()
    {
        using HandleUse use = Borrow();
        DeviceFile file = use.File;
        Dictionary<string, XeResult> unavailable = [];
        Note("GT_TOPOLOGY", DeviceQuery.Topology(file, out IReadOnlyList<XeTopologyMask> topology));
        Note("UC_FW_VERSION GUC_SUBMISSION", DeviceQuery.Firmware(file, XeFirmware.GucSubmission, out XeFirmwareVersion? guc));
        Note("UC_FW_VERSION HUC", DeviceQuery.Firmware(file, XeFirmware.Huc, out XeFirmwareVersion? huc));
        Note("OA_UNITS", DeviceQuery.OaUnits(file, out IReadOnlyList<XeOaUnit> units));
        Note("PXP_STATUS", DeviceQuery.Pxp(file, out XePxpStatus? pxp));
        Note("EU_STALL", DeviceQuery.EuStall(file, out XeEuStallSampling? stall));
        Note("HWCONFIG", DeviceQuery.HardwareConfiguration(file, out IReadOnlyList<XeHardwareConfigurationEntry> entries));
        return new XeDeviceSnapshot
        {
            Configuration = DeviceQuery.Configuration(file),
            Engines = DeviceQuery.Engines(file),
            MemoryRegions = DeviceQuery.MemoryRegions(file),
            Gts = DeviceQuery.Gts(file),
            Topology = topology,
            Firmware = [.. ((XeFirmwareVersion?[])[guc, huc]).OfType<XeFirmwareVersion>()],
            OaUnits = units,
            Pxp = pxp,
            EuStall = stall,
            HardwareConfiguration = entries,
            Unavailable = unavailable,
        };

        void Note(string query, XeResult result)
        {
            if (!result.IsSuccess)
            {
                unavailable.Add(query, result);
            }
        }
    }

    /// <summary>Reads an engine's time stamp counter together with a clock of the CPU.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="clock">The clock.</param>
    /// <exception cref="XeException">EINVAL: no such engine; EOPNOTSUPP: the device is a virtual function; EIO: the engine did not wake up.</exception>
    public XeEngineTimestamp ReadEngineTimestamp(XeEngine engine, CpuClock clock = CpuClock.Monotonic)
    {
        XeResult result = TryReadEngineTimestamp(engine, out XeEngineTimestamp? timestamp, clock);
        if (timestamp is null)
        {
            ThrowHelper.Throw(result, XeOperation.DeviceQuery, $"query ENGINE_CYCLES of {engine} against {clock}");
        }

        return timestamp;
    }

    /// <summary>Reads an engine's time stamp counter together with a clock of the CPU, or says why not.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="timestamp">The time stamp when the result is success.</param>
    /// <param name="clock">The clock.</param>
    public XeResult TryReadEngineTimestamp(XeEngine engine, out XeEngineTimestamp? timestamp, CpuClock clock = CpuClock.Monotonic)
    {
        ArgumentNullException.ThrowIfNull(engine);
        using HandleUse use = Borrow();
        return DeviceQuery.EngineCycles(use.File, engine, clock, out timestamp);
    }

    /// <summary>Reads a capability of the DRM core (GET_CAP), or says why not.</summary>
    /// <param name="capability">One of <c>DRM_CAP_*</c>.</param>
    /// <param name="value">The value when the result is success.</param>
    /// <returns>EOPNOTSUPP or EINVAL for a capability that the device does not have.</returns>
    public XeResult TryGetCapability(ulong capability, out ulong value)
    {
        using HandleUse use = Borrow();
        drm_get_cap request = new() { capability = capability };
        XeResult result = use.File.Ioctl(Drm.DRM_IOCTL_GET_CAP, ref request);
        value = request.value;
        return result;
    }

    /// <summary>Names this client in the driver's debug output (SET_CLIENT_NAME, Linux 6.13).</summary>
    /// <param name="name">At most 64 characters of printable ASCII, no spaces; empty removes the name.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    public void SetClientName(string name)
    {
        XeResult result = TrySetClientName(name);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.ClientName, $"a name of {name.Length} characters");
        }
    }

    /// <summary>Names this client in the driver's debug output, or says why not.</summary>
    /// <param name="name">At most 64 characters of printable ASCII, no spaces; empty removes the name.</param>
    public XeResult TrySetClientName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        using HandleUse use = Borrow();
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        fixed (byte* first = bytes)
        {
            drm_set_client_name request = new() { name_len = (ulong)bytes.Length, name = (ulong)first };
            return use.File.Ioctl(Drm.DRM_IOCTL_SET_CLIENT_NAME, ref request);
        }
    }

    /// <summary>Whether the device and its kernel can do something; asks the driver where flags do not tell.</summary>
    /// <param name="feature">What.</param>
    public bool Supports(XeFeature feature) => feature switch
    {
        XeFeature.Vram => Capabilities.HasVram,
        XeFeature.FaultMode => Capabilities.SupportsFaultMode,
        XeFeature.CpuAddressMirror => Capabilities.SupportsCpuAddressMirror,
        XeFeature.LowLatencyHint => Capabilities.SupportsLowLatencyHint,
        XeFeature.NoCompressionHint => Capabilities.SupportsNoCompressionHint,
        XeFeature.Purging => Capabilities.SupportsPurging,
        XeFeature.StateCacheOption => Capabilities.SupportsStateCacheOption,
        XeFeature.SyncObjects => HasCapability(Drm.DRM_CAP_SYNCOBJ, 1),
        XeFeature.TimelineSyncObjects => HasCapability(Drm.DRM_CAP_SYNCOBJ_TIMELINE, 1),
        XeFeature.BufferImport => HasCapability(Drm.DRM_CAP_PRIME, Drm.DRM_PRIME_CAP_IMPORT),
        XeFeature.BufferExport => HasCapability(Drm.DRM_CAP_PRIME, Drm.DRM_PRIME_CAP_EXPORT),
        XeFeature.VmFaults => ProbeVmFaults(),
        XeFeature.MemoryAdvice => ProbeMemoryAdvice(),
        _ => throw new ArgumentOutOfRangeException(nameof(feature), feature, "No XeFeature."),
    };

    /// <summary>Whether the driver has an attribute for a kind of advice. It may still refuse it for some memory.</summary>
    /// <param name="kind">The kind.</param>
    public bool Supports(AdviceKind kind) => Supports(kind, out _);

    /// <summary>Whether the driver has an attribute for a kind of advice, and why not. It may still refuse it for some memory.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="reason">What is missing, and what to do instead, when the result is <see langword="false"/>.</param>
    public bool Supports(AdviceKind kind, [NotNullWhen(false)] out string? reason)
    {
        reason = kind switch
        {
            AdviceKind.ReadMostly =>
                "The xe driver has no attribute for this advice (xe_drm.h): a page has one place, never copies in several. Memory that many read can prefer " +
                "the system, where CPU and GPUs reach it without moving it.",
            AdviceKind.AccessedBy =>
                "The xe driver has no attribute for this advice (xe_drm.h): a prefetch fills the GPU's page tables ahead of its use, which is the closest to it.",
            AdviceKind.Purgeable when !Capabilities.SupportsPurging =>
                "The device's configuration lacks the flag of purgeable buffer objects: it needs a 7.x kernel.",
            AdviceKind.PatIndex when Capabilities.HasVram =>
                "Page attributes can be advised on integrated GPUs only (xe_vm_madvise.c); this device has VRAM.",
            AdviceKind.PreferredLocation or AdviceKind.AtomicAccess or AdviceKind.PatIndex when !Capabilities.SupportsCpuAddressMirror =>
                "The device does not mirror CPU addresses: advice needs an Xe2 GPU or later and a kernel built with DRM_XE_GPUSVM.",
            _ when !Enum.IsDefined(kind) => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No AdviceKind."),
            _ => null,
        };
        return reason is null;
    }

    private bool HasCapability(ulong capability, ulong bit) =>
        TryGetCapability(capability, out ulong value).IsSuccess && (value & bit) != 0;

    /// <summary>Asks for the faults of a VM that does not exist: ENOENT comes only from a kernel that has the request (xe_vm.c).</summary>
    private bool ProbeVmFaults()
    {
        using HandleUse use = Borrow();
        drm_xe_vm_get_property request = new() { property = DrmXe.DRM_XE_VM_GET_PROPERTY_FAULTS };
        return use.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_GET_PROPERTY, ref request).Errno == Errno.ENOENT;
    }

    /// <summary>
    /// Advises the default for the first page of a mirror VM of its own: MADVISE answers EINVAL for an unknown VM as for an unknown request, so
    /// only one that must succeed tells (xe_vm_madvise.c).
    /// </summary>
    private bool ProbeMemoryAdvice()
    {
        if (!TryCreateVm(new XeVmOptions { Mirror = true }, out XeVm? vm).IsSuccess || vm is null)
        {
            return false;
        }

        using (vm)
        {
            return vm.TryAdvise(new GpuRange(0, GpuRange.PageSize), Advice.AtomicAccess(AtomicAccess.Default)).IsSuccess;
        }
    }
}
