namespace XeSvm;

/// <summary>
/// How a GPU command compares a 32-bit word of memory with its own value, both unsigned. The values are those of bits 14:12 of
/// MI_SEMAPHORE_WAIT and MI_CONDITIONAL_BATCH_BUFFER_END.
/// </summary>
public enum GpuComparison
{
    /// <summary>Memory &gt; value.</summary>
    GreaterThan = 0,

    /// <summary>Memory &gt;= value.</summary>
    GreaterThanOrEqual = 1,

    /// <summary>Memory &lt; value.</summary>
    LessThan = 2,

    /// <summary>Memory &lt;= value.</summary>
    LessThanOrEqual = 3,

    /// <summary>Memory == value.</summary>
    Equal = 4,

    /// <summary>Memory != value.</summary>
    NotEqual = 5,
}
