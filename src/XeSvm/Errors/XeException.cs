namespace XeSvm;

/// <summary>The driver refused an operation.</summary>
public class XeException : IOException
{
    /// <summary>Makes the exception.</summary>
    public XeException()
        : this("an xe operation failed")
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What failed.</param>
    public XeException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What failed.</param>
    /// <param name="innerException">The cause.</param>
    public XeException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Makes the exception of a refused request.</summary>
    /// <param name="errno">A positive errno; becomes <see cref="Exception.HResult"/> too.</param>
    /// <param name="operation">The operation, such as <c>VM_BIND</c>.</param>
    /// <param name="request">What was asked, in words.</param>
    /// <param name="nextStep">What the reader can do.</param>
    public XeException(int errno, string operation, string request, string nextStep)
        : this($"{operation} failed: {Interop.Errno.Describe(errno)}. Asked: {request}. {nextStep}", errno, operation, request, nextStep)
    {
    }

    /// <summary>Makes the exception with a message of its own.</summary>
    private protected XeException(string message, int errno, string operation, string request, string nextStep)
        : base(message, errno)
    {
        Errno = errno;
        Operation = operation;
        Request = request;
        NextStep = nextStep;
    }

    /// <summary>The errno, positive; 0 when no driver was asked.</summary>
    public int Errno { get; }

    /// <summary>The errno's name, such as <c>EINVAL</c>; empty when no driver was asked.</summary>
    public string ErrnoName => Errno == 0 ? "" : Interop.Errno.Name(Errno);

    /// <summary>The operation, such as <c>VM_BIND</c>.</summary>
    public string Operation { get; } = "";

    /// <summary>What was asked, in words, as it stood when the call was made.</summary>
    public string Request { get; } = "";

    /// <summary>What the reader can do.</summary>
    public string NextStep { get; } = "";

    /// <summary>Whether the device is gone: everything on it fails from now on, and it must be opened anew.</summary>
    public bool IsDeviceLost => Errno == Interop.Errno.ENODEV;
}
