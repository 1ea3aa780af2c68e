using System.Diagnostics;
using XeSvm.Interop;
using XeSvm.Interop.Uapi;

namespace XeSvm.Hosting.Metering;

/// <summary>Counts the errors of one open file, and counts and times its VM_BINDs. Allocates nothing itself.</summary>
internal sealed unsafe class MeteredFile(DrmFile inner, XeSvmMetrics metrics) : DrmFile
{
    /// <inheritdoc/>
    public override int Descriptor => inner.Descriptor;

    /// <inheritdoc/>
    public override int Ioctl(uint request, void* argument)
    {
        if (request == DrmXe.DRM_IOCTL_XE_VM_BIND && metrics.MetersBinds && argument is not null)
        {
            return Bind(argument);
        }

        int result = inner.Ioctl(request, argument);
        if (result < 0)
        {
            metrics.CountError(DriverCallNames.Of(request), -result);
        }

        return result;
    }

    /// <inheritdoc/>
    public override int Map(ulong offset, nuint length, DrmMapProtection protection, out nint address) =>
        inner.Map(offset, length, protection, out address);

    /// <inheritdoc/>
    public override int Unmap(nint address, nuint length) => inner.Unmap(address, length);

    /// <inheritdoc/>
    public override DrmDebugText ReadDebugFile(string name) => inner.ReadDebugFile(name);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => inner.Dispose();

    private int Bind(void* argument)
    {
        // The driver checks the struct; here it is only named, before the driver may change it.
        drm_xe_vm_bind* bind = (drm_xe_vm_bind*)argument;
        string operation = bind->num_binds switch
        {
            0 => "sync",
            1 => NameOf(bind->bind.op),
            _ => "array",
        };
        long start = Stopwatch.GetTimestamp();
        int result = inner.Ioctl(DrmXe.DRM_IOCTL_XE_VM_BIND, argument);
        metrics.RecordBind(operation, result < 0 ? -result : 0, Stopwatch.GetElapsedTime(start));
        if (result < 0)
        {
            metrics.CountError(DriverCallNames.Of(DrmXe.DRM_IOCTL_XE_VM_BIND), -result);
        }

        return result;
    }

    private static string NameOf(uint operation) => operation switch
    {
        DrmXe.DRM_XE_VM_BIND_OP_MAP => "map",
        DrmXe.DRM_XE_VM_BIND_OP_UNMAP => "unmap",
        DrmXe.DRM_XE_VM_BIND_OP_MAP_USERPTR => "map_userptr",
        DrmXe.DRM_XE_VM_BIND_OP_UNMAP_ALL => "unmap_all",
        DrmXe.DRM_XE_VM_BIND_OP_PREFETCH => "prefetch",
        _ => DriverCallNames.Other,
    };
}
