using System.Diagnostics.CodeAnalysis;

using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Server;

/// <summary>The descriptors that came with a hello: those of /proc/self/mem, maps and pagemap of a client of another user. Closed when nobody takes them.</summary>
internal sealed class GivenMemory(FileDescriptorHandle[] files) : IDisposable
{
    private static readonly string[] s_names = ["/mem", "/maps", "/pagemap"];
    private bool _isTaken;

    /// <summary>Takes them, when they are what they should be. Of which process they are is the client's affair: it could open them.</summary>
    public bool TryTake([NotNullWhen(true)] out FileDescriptorHandle[]? taken)
    {
        taken = null;
        if (_isTaken || files.Length != s_names.Length)
        {
            return false;
        }

        for (int index = 0; index < files.Length; index++)
        {
            // A name alone would not do: a file of a folder that is called so could let the server wait for ever.
            if (!SystemCalls.IsOfProc(files[index]) || SystemCalls.PathOf(files[index])?.EndsWith(s_names[index], StringComparison.Ordinal) != true)
            {
                return false;
            }
        }

        _isTaken = true;
        taken = files;
        return true;
    }

    public void Dispose()
    {
        if (!_isTaken)
        {
            Array.ForEach(files, file => file.Dispose());
        }
    }
}
