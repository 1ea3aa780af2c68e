namespace XeSvm;

/// <summary>A setting that chooses or configures a backend has a value that is not valid.</summary>
public sealed class BackendChoiceException : FormatException
{
    /// <summary>Makes the exception.</summary>
    public BackendChoiceException()
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">The setting, its value, and the valid ones.</param>
    public BackendChoiceException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">The setting, its value, and the valid ones.</param>
    /// <param name="innerException">The cause.</param>
    public BackendChoiceException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
