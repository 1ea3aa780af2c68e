namespace XeSvm.Cli;

/// <summary>An input file that is missing, unreadable or not of the form that it should have.</summary>
internal sealed class InputFileException : Exception
{
    /// <summary>Makes the exception.</summary>
    internal InputFileException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
