using XeSvm.Interop;
using XeSvm.Interop.LibC;

namespace XeSvm;

/// <summary>
/// Private anonymous memory of this process. It has no finalizer: memory that a span still points to must never go away behind the
/// span's back, so memory that nobody disposes stays until the process ends.
/// </summary>
internal sealed class AnonymousMemory : IDisposable
{
    /// <summary>Size of an SVM range that a fault migrates at once; memory of at least this size is aligned to it.</summary>
    internal const nuint LargeAlignment = 2 * 1024 * 1024;

    private nint _address;

    private AnonymousMemory(nint address, nuint length)
    {
        _address = address;
        Length = length;
    }

    /// <summary>Length in bytes; a multiple of the page size.</summary>
    internal nuint Length { get; }

    /// <summary>The first byte; 0 after disposal.</summary>
    internal nint Address => Volatile.Read(ref _address);

    /// <summary>Maps zero-filled memory.</summary>
    /// <param name="length">Length in bytes, above 0; rounded up to pages.</param>
    /// <exception cref="XeException">There is not enough memory or address space.</exception>
    internal static AnonymousMemory Map(nuint length)
    {
        nuint page = SystemCalls.PageSize;
        int result = -Errno.ENOMEM;
        nint address = 0;
        if (length <= nuint.MaxValue - page)
        {
            length = (length + page - 1) & ~(page - 1);
            result = SystemCalls.MapAnonymous(
                length, MemoryProtection.ReadWrite, length >= LargeAlignment ? LargeAlignment : page, out address);
        }

        if (result < 0)
        {
            ThrowHelper.Throw(XeResult.FromCall(result), XeOperation.Memory, $"{length} bytes of anonymous memory");
        }

        return new AnonymousMemory(address, length);
    }

    /// <summary>Unmaps the memory.</summary>
    public void Dispose()
    {
        nint address = Interlocked.Exchange(ref _address, 0);
        if (address != 0)
        {
            _ = SystemCalls.Unmap(address, Length);
        }
    }
}
