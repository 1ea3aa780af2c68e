namespace XeSvm;

/// <summary>Who keeps account of an SVM buffer's memory.</summary>
internal interface ISvmMemoryOwner
{
    /// <summary>Drops memory from the account. It is still mapped, and is unmapped right after the call.</summary>
    /// <param name="address">Its first byte.</param>
    void Forget(ulong address);
}
