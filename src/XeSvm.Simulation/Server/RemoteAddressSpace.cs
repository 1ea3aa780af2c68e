using System.Runtime.InteropServices;

using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Server;

/// <summary>
/// The memory of another process, reached through the kernel with respect to the protections of its mappings. Once the process has ended, or
/// runs another program, nothing is reached any more, by whoever gets its number.
/// </summary>
internal sealed unsafe class RemoteAddressSpace : IDisposable
{
    private const ulong PresentOrSwapped = 3UL << 62; // bits 63 and 62 of an entry of /proc/PID/pagemap
    private readonly Lock _atomicLock = new();
    private readonly int _process;
    private readonly FileDescriptorHandle _maps;
    private readonly FileDescriptorHandle _pagemap;
    private volatile bool _isGone;

    private RemoteAddressSpace(int process, FileDescriptorHandle maps, FileDescriptorHandle pagemap)
    {
        _process = process;
        _maps = maps;
        _pagemap = pagemap;
    }

    public bool IsGone => _isGone;

    /// <summary>Opens what there is to know of a process's memory.</summary>
    /// <returns>0; -EACCES when this process may not reach it; or another negative errno.</returns>
    public static int Open(int process, out RemoteAddressSpace? space)
    {
        space = null;
        int result = SystemCalls.OpenForReading($"/proc/{process}/maps", out FileDescriptorHandle? maps);
        if (result < 0)
        {
            return result;
        }

        result = SystemCalls.OpenForReading($"/proc/{process}/pagemap", out FileDescriptorHandle? pagemap);
        if (result < 0)
        {
            maps!.Dispose();
            return result;
        }

        space = new RemoteAddressSpace(process, maps!, pagemap!);
        return 0;
    }

    /// <summary>Nothing is reached any more.</summary>
    /// <returns>False when that was so already.</returns>
    public bool SetGone()
    {
        bool was = _isGone;
        _isGone = true;
        return !was;
    }

    /// <summary>0, or -EFAULT.</summary>
    public int Read(ulong address, void* destination, nuint length) =>
        _isGone ? -Errno.EFAULT : AsFault(NativeMethods.xesvm_process_read(_process, address, destination, length));

    /// <summary>0, or -EFAULT.</summary>
    public int Write(ulong address, void* source, nuint length) =>
        _isGone ? -Errno.EFAULT : AsFault(NativeMethods.xesvm_process_write(_process, address, source, length));

    /// <summary>Adds to an aligned word: 0, -EFAULT, or -EINVAL. Atomic against other calls of this kind; the CPU of the process cannot be kept out.</summary>
    public int Add(ulong address, int addend)
    {
        if ((address & 3) != 0 || addend is < -2048 or > 2047)
        {
            return -Errno.EINVAL;
        }

        lock (_atomicLock)
        {
            int value;
            if (Read(address, &value, sizeof(int)) < 0)
            {
                return -Errno.EFAULT;
            }

            value += addend;
            return Write(address, &value, sizeof(int));
        }
    }

    /// <summary>Makes pages present by reading them: 0, -EFAULT, or -EPERM when they are to be writable and are not.</summary>
    public int Populate(ulong address, int pages, bool write)
    {
        ulong end = address + ((ulong)pages << PageConstants.PageShift);
        for (ulong at = address; write && at < end;)
        {
            if (FindVma(at, out ClientVma vma) < 0 || vma.Start > at)
            {
                return -Errno.EFAULT;
            }

            if ((vma.Flags & ClientVmaFlags.Write) == 0)
            {
                return -Errno.EPERM;
            }

            at = vma.End;
        }

        return _isGone ? -Errno.EFAULT : AsFault(NativeMethods.xesvm_process_touch(_process, address, (uint)pages));
    }

    /// <summary>As <see cref="ClientMemory.FindVma"/>.</summary>
    public int FindVma(ulong address, out ClientVma vma)
    {
        vma = default;
        if (_isGone)
        {
            return -Errno.ENOENT;
        }

        xesvm_vma native;
        int result = _maps.Acquire(out int descriptor);
        if (result == 0)
        {
            result = NativeMethods.xesvm_process_find_vma(descriptor, address, &native);
            _maps.Release();
            vma = result < 0 ? default : new ClientVma(native.start, native.end, (ClientVmaFlags)native.flags);
        }

        return result;
    }

    /// <summary>Whether every page of at most one block has content in the CPU's page table or in swap, or in a device's VRAM.</summary>
    public bool IsPopulated(ulong address, int pages, DeviceResidency residency)
    {
        Span<ulong> entries = stackalloc ulong[PageConstants.BlockPages];
        Span<byte> bytes = MemoryMarshal.AsBytes(entries[..pages]);
        if (_isGone || SystemCalls.ReadAt(_pagemap, (address >> PageConstants.PageShift) * sizeof(ulong), bytes) != bytes.Length)
        {
            return false;
        }

        for (int i = 0; i < pages; i++)
        {
            if ((entries[i] & PresentOrSwapped) == 0 && !residency.TryFind(address + ((ulong)i << PageConstants.PageShift), out _))
            {
                return false;
            }
        }

        return true;
    }

    public void Dispose()
    {
        SetGone();
        _maps.Dispose();
        _pagemap.Dispose();
    }

    private static int AsFault(int result) => result < 0 ? -Errno.EFAULT : result;
}
