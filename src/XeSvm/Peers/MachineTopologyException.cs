namespace XeSvm.Peers;

/// <summary>A topology cannot be used; the message says what is wrong, where, and what is valid.</summary>
public sealed class MachineTopologyException : Exception
{
    internal MachineTopologyException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
