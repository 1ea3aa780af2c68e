namespace XeSvm.Statistics;

/// <summary>A counter text that cannot be read, or two that cannot be compared. No figure was derived from them.</summary>
public sealed class CounterTextException : FormatException
{
    /// <summary>Makes the exception.</summary>
    public CounterTextException()
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is wrong, with the text's name and line, and what is valid.</param>
    public CounterTextException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is wrong, with the text's name and line, and what is valid.</param>
    /// <param name="innerException">The cause.</param>
    public CounterTextException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
