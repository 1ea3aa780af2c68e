using System.Text;

namespace XeSvm.Cli.Execution;

/// <summary>
/// The file that a record will be written to. Opening shows whether it can be written; what is in it stays until the record is there, and
/// a file that was not there before goes away when there is no record.
/// </summary>
internal sealed class RecordFile : IDisposable
{
    private readonly string _path;
    private readonly FileStream _stream;
    private readonly bool _isNew;
    private bool _written;

    private RecordFile(string path, FileStream stream, bool isNew)
    {
        _path = path;
        _stream = stream;
        _isNew = isNew;
    }

    /// <summary>Opens or creates the file.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    internal static RecordFile Open(string option, string path)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
        {
            throw new IOException($"{option} needs the name of a file.");
        }

        bool isNew = !File.Exists(path);
        try
        {
            return new RecordFile(path, new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read), isNew);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{option}: {path} cannot be written: {Reason(path, exception)}", exception);
        }
    }

    /// <summary>Replaces the file's content, wholly or not at all: what was there stays when the disk is full.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    internal void Write(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        try
        {
            if (_stream.CanSeek && _stream.Length > 0)
            {
                Replace(bytes);
            }
            else
            {
                _stream.Write(bytes);
                _stream.Flush();
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            // EFBIG comes as ArgumentOutOfRangeException.
            throw new IOException($"{_path} cannot be written: {exception.Message}", exception);
        }

        _written = true;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _stream.Dispose();
        if (_isNew && !_written)
        {
            File.Delete(_path);
        }
    }

    /// <summary>Writes a file beside the old one, on the same file system, and puts it in its place; over the old one in a folder where no file can be made.</summary>
    private void Replace(byte[] bytes)
    {
        string place = File.ResolveLinkTarget(_path, returnFinalTarget: true)?.FullName ?? _path;
        string beside = $"{place}.{Environment.ProcessId}.new";
        try
        {
            using (FileStream stream = new(beside, FileMode.CreateNew, FileAccess.Write))
            {
                stream.Write(bytes);
                stream.Flush(flushToDisk: true);
            }

            File.Move(beside, place, overwrite: true);
        }
        catch (UnauthorizedAccessException)
        {
            _stream.SetLength(0);
            _stream.Write(bytes);
            _stream.Flush();
        }
        finally
        {
            File.Delete(beside);
        }
    }

    private static string Reason(string path, Exception exception) => exception switch
    {
        _ when Directory.Exists(path) => "it is a folder.",
        DirectoryNotFoundException => "there is no such folder.",
        UnauthorizedAccessException => "this user may not write there.",
        _ => exception.Message,
    };
}
