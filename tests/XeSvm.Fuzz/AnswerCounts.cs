using System.Globalization;
using System.Text;

namespace XeSvm.Fuzz;

/// <summary>How often each ioctl gave each answer: what a run has reached.</summary>
internal sealed class AnswerCounts
{
    private const uint NumberMask = 0xff;
    private const int Answers = 256;

    private readonly long[] _counts = new long[(NumberMask + 1) * Answers];

    /// <summary>Counts an answer.</summary>
    public void Add(uint request, int result) => _counts[((request & NumberMask) * Answers) + (uint)Math.Min(result < 0 ? -result : 0, Answers - 1)]++;

    /// <summary>A line for each ioctl: its number, then errno and count of each answer.</summary>
    public string Format()
    {
        var text = new StringBuilder();
        for (uint number = 0; number <= NumberMask; number++)
        {
            ReadOnlySpan<long> row = _counts.AsSpan((int)number * Answers, Answers);
            if (row.IndexOfAnyExcept(0) < 0)
            {
                continue;
            }

            text.Append(CultureInfo.InvariantCulture, $"0x{number:x2}:");
            for (int errno = 0; errno < Answers; errno++)
            {
                if (row[errno] != 0)
                {
                    text.Append(CultureInfo.InvariantCulture, $" {errno}={row[errno]}");
                }
            }

            text.Append('\n');
        }

        return text.ToString();
    }
}
