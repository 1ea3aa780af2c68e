namespace XeSvm.Costs;

/// <summary>A cost profile, or a row of one, that cannot be used. The message says what is wrong, where, and what is valid.</summary>
public sealed class CostModelException : FormatException
{
    /// <summary>Makes the exception.</summary>
    public CostModelException()
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is wrong, where, and what is valid.</param>
    public CostModelException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is wrong, where, and what is valid.</param>
    /// <param name="innerException">The cause.</param>
    public CostModelException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
