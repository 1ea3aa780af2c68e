namespace XeSvm.Interop.Native;

/// <summary>libxesvm_native could not be loaded, or does not belong to this assembly.</summary>
public sealed class NativeLibraryException : Exception
{
    /// <summary>Creates an exception without details.</summary>
    public NativeLibraryException()
        : base("libxesvm_native cannot be used.")
    {
    }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What is wrong with the library.</param>
    public NativeLibraryException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What is wrong with the library.</param>
    /// <param name="innerException">The cause.</param>
    public NativeLibraryException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
