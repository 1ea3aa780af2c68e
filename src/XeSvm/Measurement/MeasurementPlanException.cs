namespace XeSvm.Measurement;

/// <summary>A plan asks for what the chosen backend does not offer. Nothing was measured.</summary>
public sealed class MeasurementPlanException : Exception
{
    /// <summary>Makes the exception.</summary>
    public MeasurementPlanException()
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What cannot be had, and what can.</param>
    public MeasurementPlanException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What cannot be had, and what can.</param>
    /// <param name="innerException">The cause.</param>
    public MeasurementPlanException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
