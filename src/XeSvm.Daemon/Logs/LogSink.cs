using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;

namespace XeSvm.Daemon.Logs;

/// <summary>Writes lines to standard error, whole ones only.</summary>
internal sealed class LogSink(ITextFormatter formatter, TextWriter output) : ILogEventSink
{
    private readonly Lock _lock = new();

    /// <inheritdoc/>
    public void Emit(LogEvent logEvent)
    {
        StringWriter line = new();
        formatter.Format(logEvent, line);
        lock (_lock)
        {
            output.Write(line.ToString());
            output.Flush();
        }
    }
}
