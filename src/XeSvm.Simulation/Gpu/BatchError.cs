namespace XeSvm.Simulation.Gpu;

/// <summary>Why a batch ended before its end.</summary>
/// <param name="Error">Negative errno: -EINVAL for a command that is unknown, malformed or not of this engine; else what memory answered.</param>
/// <param name="Address">GPU address of the command, or of the user fence when that could not be written.</param>
/// <param name="Header">The command's first dword; 0 when it could not be fetched.</param>
/// <param name="Command">The command's name, or what was being done.</param>
internal readonly record struct BatchError(int Error, ulong Address, uint Header, string Command)
{
    /// <summary>What is wrong with the command; null when it is memory that refused.</summary>
    public string? Reason { get; init; }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Command} at GPU address 0x{Address:x} (dword 0x{Header:x8}): {(Reason is null ? "" : $"{Reason}, ")}errno {-Error}";
}
