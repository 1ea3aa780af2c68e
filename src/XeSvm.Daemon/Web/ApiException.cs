namespace XeSvm.Daemon.Web;

/// <summary>A request that cannot be answered, with the status and what is valid.</summary>
internal sealed class ApiException(int status, string message) : Exception(message)
{
    internal int Status => status;
}
