namespace XeSvm.Measurement;

/// <summary>A run record that cannot be read.</summary>
public sealed class RunRecordException : FormatException
{
    /// <summary>Makes the exception.</summary>
    public RunRecordException()
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is wrong and what is valid.</param>
    public RunRecordException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is wrong and what is valid.</param>
    /// <param name="innerException">The cause.</param>
    public RunRecordException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
