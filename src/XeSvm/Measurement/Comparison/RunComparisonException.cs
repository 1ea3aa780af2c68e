namespace XeSvm.Measurement;

/// <summary>Records that cannot be compared, or not with the meaning that a comparison has. No figure was derived from them.</summary>
public sealed class RunComparisonException : Exception
{
    /// <summary>Makes the exception.</summary>
    public RunComparisonException()
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is unlike, and what can be done.</param>
    public RunComparisonException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is unlike, and what can be done.</param>
    /// <param name="innerException">The cause.</param>
    public RunComparisonException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
