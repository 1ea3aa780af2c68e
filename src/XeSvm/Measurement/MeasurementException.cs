namespace XeSvm.Measurement;

/// <summary>A measurement was not possible, or what happened was not what was to be measured. No figure came of it.</summary>
public sealed class MeasurementException : Exception
{
    /// <summary>Makes the exception.</summary>
    public MeasurementException()
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What was wrong, and what to do.</param>
    public MeasurementException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What was wrong, and what to do.</param>
    /// <param name="innerException">The cause.</param>
    public MeasurementException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
