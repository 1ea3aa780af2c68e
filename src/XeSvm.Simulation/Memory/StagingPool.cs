using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Memory;

/// <summary>Buffers of one block each for copies of pages under migration. Safe from any thread.</summary>
internal sealed unsafe class StagingPool : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Stack<nint> _free = new();
    private bool _disposed;

    /// <summary>A buffer of 2 MiB, aligned to its size.</summary>
    public byte* Take()
    {
        lock (_lock)
        {
            if (_free.TryPop(out nint buffer))
            {
                return (byte*)buffer;
            }
        }

        return (byte*)NativeMemory.AlignedAlloc((nuint)PageConstants.BlockSize, (nuint)PageConstants.BlockSize);
    }

    /// <summary>Gives a buffer back.</summary>
    public void Return(byte* buffer)
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _free.Push((nint)buffer);
                return;
            }
        }

        NativeMemory.AlignedFree(buffer);
    }

    /// <summary>Frees the buffers; those that are out, when they come back.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            while (_free.TryPop(out nint buffer))
            {
                NativeMemory.AlignedFree((void*)buffer);
            }
        }
    }
}
