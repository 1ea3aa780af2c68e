using System.Globalization;

namespace XeSvm.Simulation.Cost;

/// <summary>Totals of DMA work by purpose. Thread-safe; a reading is exact once the operations that it counts have ended.</summary>
internal sealed class OperationCounters
{
    private static readonly string[] s_purposeNames =
        ["migrate_to_device", "migrate_to_system", "get_pages", "buffer_object", "deferred"];

    private readonly DmaWork[] _totals = new DmaWork[s_purposeNames.Length];

    /// <summary>The purposes' names in text, in the order of <see cref="DmaPurpose"/>.</summary>
    public static ReadOnlySpan<string> PurposeNames => s_purposeNames;

    /// <summary>Adds the work of one operation.</summary>
    public void Add(DmaPurpose purpose, in DmaWork work)
    {
        Span<ulong> totals = _totals[(int)purpose].Values;
        ReadOnlySpan<ulong> values = DmaWork.ReadValues(in work);
        for (int i = 0; i < values.Length; i++)
        {
            if (values[i] != 0)
            {
                Interlocked.Add(ref totals[i], values[i]);
            }
        }
    }

    /// <summary>The total of one purpose.</summary>
    public DmaWork Read(DmaPurpose purpose)
    {
        DmaWork result = default;
        Span<ulong> values = result.Values;
        Span<ulong> totals = _totals[(int)purpose].Values;
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Volatile.Read(ref totals[i]);
        }

        return result;
    }

    /// <summary>The total of all purposes.</summary>
    public DmaWork ReadAll()
    {
        DmaWork result = default;
        for (int i = 0; i < _totals.Length; i++)
        {
            result.Add(Read((DmaPurpose)i));
        }

        return result;
    }

    /// <summary>All counters as lines "purpose.name: value", zeros included.</summary>
    public string Format()
    {
        using StringWriter writer = new(CultureInfo.InvariantCulture);
        for (int i = 0; i < s_purposeNames.Length; i++)
        {
            Read((DmaPurpose)i).Write(writer, s_purposeNames[i] + ".");
        }

        return writer.ToString();
    }

    /// <summary>Reads text of <see cref="Format"/> back.</summary>
    /// <exception cref="FormatException">A line names no purpose or no counter, or has no number; the message has the line's number.</exception>
    public static OperationCounters Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        OperationCounters counters = new();
        int number = 0;
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            number++;
            if (line.IsWhiteSpace())
            {
                continue;
            }

            int dot = line.IndexOf('.');
            int purpose = dot < 0 ? -1 : Array.IndexOf(s_purposeNames, line[..dot].Trim().ToString());
            if (purpose < 0)
            {
                throw new FormatException(
                    $"Line {number}: '{line}' does not begin with a purpose and '.'; the purposes are {string.Join(", ", s_purposeNames)}.");
            }

            counters._totals[purpose].ParseLine(line[(dot + 1)..], number);
        }

        return counters;
    }
}
