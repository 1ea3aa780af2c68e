using System.Text;

namespace XeSvm.Cli;

/// <summary>
/// One of the process's two outputs. Results that cannot be written (a closed descriptor, a full disk) are an error that says so; what is told
/// about the run is lost then and does not end it. A reader that went away (EPIPE) is no error: the console's own writers pass over it.
/// </summary>
/// <param name="writer">The console's writer.</param>
/// <param name="carriesResults">Whether results go there.</param>
internal sealed class StandardStream(TextWriter writer, bool carriesResults) : TextWriter
{
    private bool _lost;

    public override Encoding Encoding => writer.Encoding;

    public override void Write(char value) => Guard(static (writer, value) => writer.Write(value), value);

    public override void Write(string? value) => Guard(static (writer, value) => writer.Write(value), value);

    public override void Write(char[] buffer, int index, int count) =>
        Guard(static (writer, part) => writer.Write(part.AsSpan()), new ArraySegment<char>(buffer, index, count));

    public override void WriteLine(string? value) => Guard(static (writer, value) => writer.WriteLine(value), value);

    public override void Flush() => Guard(static (writer, _) => writer.Flush(), 0);

    private void Guard<T>(Action<TextWriter, T> write, T value)
    {
        if (_lost)
        {
            return;
        }

        try
        {
            write(writer, value);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // EBADF comes as UnauthorizedAccessException.
            _lost = true;
            if (carriesResults)
            {
                throw new IOException($"The results cannot be written to the output: {exception.Message}", exception);
            }
        }
    }
}
