using System.Runtime.InteropServices;

using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Server;

/// <summary>
/// The memory of another process, reached through the kernel with respect to the protections of its mappings. Once the process has ended, or
/// runs another program, nothing is reached any more, by whoever gets its number.
/// <para>
/// A process of another user has opened the files of its memory itself and given them along. They stay those of the address space that it had then:
/// even a server that may reach everything does not reach a program with more privileges that it executes later. As /proc/PID/mem does not ask for
/// protections, they are asked for here.
/// </para>
/// </summary>
internal sealed unsafe class RemoteAddressSpace : IDisposable
{
    private const ulong PresentOrSwapped = 3UL << 62; // bits 63 and 62 of an entry of /proc/PID/pagemap
    private readonly Lock _atomicLock = new();
    private readonly int _process;
    private readonly FileDescriptorHandle _maps;
    private readonly FileDescriptorHandle _pagemap;
    private readonly ForeignMemory? _foreign;
    private volatile bool _isGone;

    private RemoteAddressSpace(int process, ForeignMemory? foreign, FileDescriptorHandle maps, FileDescriptorHandle pagemap)
    {
        _foreign = foreign;
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

        space = new RemoteAddressSpace(process, foreign: null, maps!, pagemap!);
        return 0;
    }

    /// <summary>Takes what a process of another user has given.</summary>
    /// <returns>0; -EACCES when it has not given the files of its memory.</returns>
    public static int Take(int process, GivenMemory given, out RemoteAddressSpace? space)
    {
        space = given.TryTake(out FileDescriptorHandle[]? files) ? new RemoteAddressSpace(process, new ForeignMemory(files[0]), files[1], files[2]) : null;
        return space is null ? -Errno.EACCES : 0;
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
        _isGone ? -Errno.EFAULT
        : _foreign is not null ? (Allows(address, length, ClientVmaFlags.Read) ? _foreign.Read(address, destination, length) : -Errno.EFAULT)
        : AsFault(NativeMethods.xesvm_process_read(_process, address, destination, length));

    /// <summary>0, or -EFAULT.</summary>
    public int Write(ulong address, void* source, nuint length) =>
        _isGone ? -Errno.EFAULT
        : _foreign is not null ? (Allows(address, length, ClientVmaFlags.Write) ? _foreign.Write(address, source, length) : -Errno.EFAULT)
        : AsFault(NativeMethods.xesvm_process_write(_process, address, source, length));

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

        return _isGone ? -Errno.EFAULT
            : _foreign is not null ? (Allows(address, end - address, ClientVmaFlags.Read) ? _foreign.Touch(address, pages) : -Errno.EFAULT)
            : AsFault(NativeMethods.xesvm_process_touch(_process, address, (uint)pages));
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
        _foreign?.Dispose();
    }

    /// <summary>Whether mappings with a permission are everywhere in a range.</summary>
    private bool Allows(ulong address, ulong length, ClientVmaFlags permission)
    {
        if (length > ulong.MaxValue - address)
        {
            return false;
        }

        ulong end = address + length;
        while (address < end)
        {
            if (FindVma(address, out ClientVma vma) < 0 || vma.Start > address || (vma.Flags & permission) == 0)
            {
                return false;
            }

            address = vma.End;
        }

        return true;
    }

    private static int AsFault(int result) => result < 0 ? -Errno.EFAULT : result;
}
