using System.Globalization;
using System.Text;

namespace XeSvm.Fuzz;

/// <summary>What a step of a sequence does.</summary>
internal enum FuzzCallKind
{
    /// <summary>An ioctl.</summary>
    Ioctl,

    /// <summary>GEM_MMAP_OFFSET of a handle, and mmap.</summary>
    MapObject,

    /// <summary>munmap of the mapping made first.</summary>
    UnmapObject,

    /// <summary>The CPU writes to a page of the arena.</summary>
    Touch,

    /// <summary>The CPU replaces pages of the arena.</summary>
    Remap,
}

/// <summary>Bytes that a step puts into the arena before it calls.</summary>
internal sealed record FuzzWrite(ulong Address, byte[] Bytes);

/// <summary>
/// One step, as a line of text: kind, file, number, address, argument bytes, then what is written to memory before. Nothing in it depends on
/// what earlier steps answered.
/// </summary>
/// <param name="Kind">What it does.</param>
/// <param name="File">Which of the two files.</param>
/// <param name="Number">Ioctl: the request. MapObject: the handle. Touch and Remap: the first page of the data.</param>
/// <param name="Address">Ioctl: where the argument is; 0: in the caller's own memory. MapObject: bytes. Remap: pages.</param>
/// <param name="Argument">Ioctl: the argument's bytes.</param>
/// <param name="Writes">Structures that the argument points to.</param>
internal sealed record FuzzCall(FuzzCallKind Kind, int File, uint Number, ulong Address, byte[] Argument, FuzzWrite[] Writes)
{
    /// <summary>A step without argument.</summary>
    public static FuzzCall Plain(FuzzCallKind kind, int file, uint number, ulong address) => new(kind, file, number, address, [], []);

    /// <summary>The line.</summary>
    public string Format()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Kind} {File} {Number:x} {Address:x} {(Argument.Length == 0 ? "-" : Convert.ToHexStringLower(Argument))}");
        foreach (FuzzWrite write in Writes)
        {
            text.Append(CultureInfo.InvariantCulture, $" {write.Address:x}={Convert.ToHexStringLower(write.Bytes)}");
        }

        return text.ToString();
    }

    /// <summary>The step of a line.</summary>
    /// <exception cref="FormatException">It is no step.</exception>
    public static FuzzCall Parse(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 5 || !Enum.TryParse(words[0], out FuzzCallKind kind))
        {
            throw new FormatException($"'{line}' is no step: kind, file, number, address and argument are wanted.");
        }

        return new FuzzCall(
            kind,
            int.Parse(words[1], CultureInfo.InvariantCulture) & 1,
            uint.Parse(words[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
            ulong.Parse(words[3], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
            words[4] == "-" ? [] : Convert.FromHexString(words[4]),
            [.. words.Skip(5).Select(ParseWrite)]);
    }

    private static FuzzWrite ParseWrite(string word)
    {
        string[] parts = word.Split('=');
        ulong address = ulong.Parse(parts[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        byte[] bytes = parts.Length == 2 ? Convert.FromHexString(parts[1]) : [];
        return FuzzArena.Holds(address, (ulong)bytes.Length)
            ? new FuzzWrite(address, bytes)
            : throw new FormatException($"'{parts[0]}' is not in the arena.");
    }
}
