using System.Globalization;
using System.Text.Json;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Parsing;

namespace XeSvm.Daemon.Logs;

/// <summary>Writes log events as one line each: for the journal, for people, or as JSON.</summary>
internal sealed class LogFormatter(string format) : ITextFormatter
{
    /// <inheritdoc/>
    public void Format(LogEvent logEvent, TextWriter output)
    {
        string text = Render(logEvent);
        if (logEvent.Exception is { } exception)
        {
            text += $" [{exception.GetType().Name}: {exception.Message}]";
        }

        // One event is one line, whatever a file name or a request holds.
        text = string.Create(text.Length, text, static (span, source) =>
        {
            for (int index = 0; index < span.Length; index++)
            {
                span[index] = char.IsControl(source[index]) ? ' ' : source[index];
            }
        });
        switch (format)
        {
            case "journal":
                output.Write('<');
                output.Write(PriorityOf(logEvent.Level));
                output.Write('>');
                output.WriteLine(text);
                break;
            case "json":
                WriteJson(logEvent, text, output);
                break;
            default:
                output.WriteLine($"{logEvent.Timestamp.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ} {logEvent.Level.ToString().ToLowerInvariant()} {text}");
                break;
        }
    }

    /// <summary>The message with texts as they are: Serilog's own rendering puts them in quotes.</summary>
    private static string Render(LogEvent logEvent)
    {
        using StringWriter message = new(CultureInfo.InvariantCulture);
        foreach (MessageTemplateToken token in logEvent.MessageTemplate.Tokens)
        {
            if (token is PropertyToken property
                && logEvent.Properties.TryGetValue(property.PropertyName, out LogEventPropertyValue? value)
                && value is ScalarValue { Value: string text })
            {
                message.Write(text);
            }
            else
            {
                token.Render(logEvent.Properties, message, CultureInfo.InvariantCulture);
            }
        }

        return message.ToString();
    }

    /// <summary>The priorities of sd-daemon(3).</summary>
    private static int PriorityOf(LogEventLevel level) => level switch
    {
        LogEventLevel.Fatal => 2,
        LogEventLevel.Error => 3,
        LogEventLevel.Warning => 4,
        LogEventLevel.Information => 6,
        _ => 7,
    };

    private static void WriteJson(LogEvent logEvent, string text, TextWriter output)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            json.WriteStartObject();
            json.WriteString("time", logEvent.Timestamp.UtcDateTime);
            json.WriteString("level", logEvent.Level.ToString().ToLowerInvariant());
            if (logEvent.Properties.TryGetValue(Constants.SourceContextPropertyName, out LogEventPropertyValue? source))
            {
                json.WriteString("source", source.ToString().Trim('"'));
            }

            json.WriteString("message", text);
            json.WriteEndObject();
        }

        output.WriteLine(System.Text.Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length));
    }
}
