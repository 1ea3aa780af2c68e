namespace XeSvm.Statistics;

/// <summary>An interval that covers the true value with a given probability.</summary>
/// <param name="Low">The lower end, in the unit of the estimate.</param>
/// <param name="High">The upper end.</param>
/// <param name="Confidence">The probability, such as 0.95.</param>
public readonly record struct ConfidenceInterval(double Low, double High, double Confidence);
