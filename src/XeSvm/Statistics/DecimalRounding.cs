namespace XeSvm.Statistics;

/// <summary>What happens to the digits behind the last one that is printed.</summary>
public enum DecimalRounding
{
    /// <summary>They are dropped, as <c>bc</c> does with its <c>scale</c>.</summary>
    Truncate,

    /// <summary>The last digit is the nearest one; a tie goes away from zero.</summary>
    Nearest,
}
