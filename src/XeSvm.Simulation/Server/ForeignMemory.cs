using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Server;

/// <summary>The memory of a process of another user: its /proc/PID/mem, which it has opened itself.</summary>
internal sealed unsafe class ForeignMemory(FileDescriptorHandle memory) : IDisposable
{
    private const int MostAtOnce = 1 << 30;

    /// <summary>0, or -EFAULT.</summary>
    public int Read(ulong address, void* destination, nuint length) => Move(address, (byte*)destination, length, write: false);

    /// <summary>0, or -EFAULT.</summary>
    public int Write(ulong address, void* source, nuint length) => Move(address, (byte*)source, length, write: true);

    /// <summary>Reads a byte of each page: 0, or -EFAULT.</summary>
    public int Touch(ulong address, int pages)
    {
        byte value;
        for (int page = 0; page < pages; page++)
        {
            if (Read(address + ((ulong)page << PageConstants.PageShift), &value, 1) < 0)
            {
                return -Errno.EFAULT;
            }
        }

        return 0;
    }

    public void Dispose() => memory.Dispose();

    private int Move(ulong address, byte* here, nuint length, bool write)
    {
        while (length > 0)
        {
            var part = new Span<byte>(here, (int)Math.Min(length, MostAtOnce));
            int done = write ? SystemCalls.WriteAt(memory, address, part) : SystemCalls.ReadAt(memory, address, part);
            if (done <= 0)
            {
                return -Errno.EFAULT;
            }

            here += done;
            address += (uint)done;
            length -= (nuint)done;
        }

        return 0;
    }
}
