using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>A few MiB of swap in a file, for a test on a machine that has none; it goes with the object.</summary>
internal sealed partial class SwapArea : IDisposable
{
    private const string LibC = "libc";
    private const int PageBytes = 4096;
    private const int Pages = 4096;
    private const int HeaderOffset = 1024;
    private const string Signature = "SWAPSPACE2";

    private readonly string? _file;

    private SwapArea(string? file) => _file = file;

    /// <summary>Swap that the machine has already, or a new file; skips the test, with the reason, where that is not possible.</summary>
    public static SwapArea Provide()
    {
        if (File.ReadLines("/proc/swaps").Count() > 1)
        {
            return new SwapArea(null);
        }

        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        Write(file);
        if (swapon(file, 0) < 0)
        {
            string reason = Errno.Describe(-Marshal.GetLastPInvokeError());
            File.Delete(file);
            Skip.If(true, $"The machine has no swap, and allows none in a file ({reason}).");
        }

        return new SwapArea(file);
    }

    public void Dispose()
    {
        if (_file is not null)
        {
            Assert.Equal(0, swapoff(_file));
            File.Delete(_file);
        }
    }

    /// <summary>union swap_header of include/linux/swap.h: version, last page and number of bad pages behind the boot bits, the signature at the page's end.</summary>
    private static void Write(string file)
    {
        byte[] header = new byte[PageBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(HeaderOffset), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(HeaderOffset + 4), Pages - 1);
        Encoding.ASCII.GetBytes(Signature).CopyTo(header.AsSpan(PageBytes - Signature.Length));
        using FileStream stream = new(file, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        stream.Write(header);

        // The kernel takes no file with holes.
        byte[] zeros = new byte[PageBytes];
        for (int page = 1; page < Pages; page++)
        {
            stream.Write(zeros);
        }
    }

    [LibraryImport(LibC, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int swapon(string path, int flags);

    [LibraryImport(LibC, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int swapoff(string path);
}
