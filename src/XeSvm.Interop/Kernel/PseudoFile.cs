using System.Text;
using XeSvm.Interop.LibC;

namespace XeSvm.Interop.Kernel;

/// <summary>Reads files of sysfs, procfs and debugfs, whose length is only known by reading them.</summary>
internal static class PseudoFile
{
    private const int FirstCapacity = 4096;

    // The largest text that the device's folder holds is a core dump of some megabytes; a file that never ends must not take all memory.
    private const int LargestText = 64 << 20;

    /// <summary>Reads a whole file.</summary>
    /// <returns>0, or a negative errno; -EFBIG when the file is longer than 64 MiB.</returns>
    internal static int Read(string path, out string text)
    {
        text = string.Empty;
        int result = SystemCalls.OpenForReading(path, out FileDescriptorHandle? file);
        if (file is null)
        {
            return result;
        }

        using (file)
        {
            byte[] buffer = new byte[FirstCapacity];
            int length = 0;
            while ((result = SystemCalls.Read(file, buffer.AsSpan(length))) > 0)
            {
                length += result;
                if (length < buffer.Length)
                {
                    continue;
                }

                if (length >= LargestText)
                {
                    return -Errno.EFBIG;
                }

                Array.Resize(ref buffer, buffer.Length * 2);
            }

            text = Encoding.UTF8.GetString(buffer, 0, length);
            return result;
        }
    }
}
