namespace XeSvm.Cli;

/// <summary>The program's exit codes; they are part of its interface.</summary>
internal static class ExitCode
{
    internal const int Success = 0;
    internal const int Failure = 1;
    internal const int Usage = 2;
    internal const int NoDevice = 3;
    internal const int BadInput = 4;

    /// <summary>What shells give a program that cannot be run.</summary>
    internal const int CannotRun = 127;

    /// <summary>What shells give a program that SIGINT ended.</summary>
    internal const int Interrupted = 130;

    /// <summary>The codes for the help text.</summary>
    internal const string Description = """
        Exit codes:
          0    success
          1    something failed while running
          2    usage: an unknown option or a value that is not valid
          3    no device for --backend kernel
          4    an input file, a cost profile or its rows that cannot be used
          127  the program of run cannot be run; else run has the exit code of its program
          130  interrupted
        """;
}
