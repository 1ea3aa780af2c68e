namespace XeSvm.Statistics;

/// <summary>A device's statistics cannot be read.</summary>
public sealed class StatisticsUnavailableException : IOException
{
    /// <summary>Makes the exception.</summary>
    public StatisticsUnavailableException()
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">Why, and what to do.</param>
    public StatisticsUnavailableException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">Why, and what to do.</param>
    /// <param name="innerException">The cause.</param>
    public StatisticsUnavailableException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
