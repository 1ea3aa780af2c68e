namespace XeSvm.Simulation;

/// <summary>The words of <c>XESVM_FAULTS</c> for the points, in the order of <see cref="FaultPoint"/>.</summary>
internal static class FaultPointNames
{
    private static readonly string[] s_names = ["iova", "link", "map", "sync", "vram", "copy", "isolate", "lost", "slow-copy", "userfaultfd", "thread"];

    /// <summary>How many points there are.</summary>
    public static int Count => s_names.Length;

    /// <summary>All words, for messages.</summary>
    public static string All => string.Join(", ", s_names);

    /// <summary>The word for a point.</summary>
    public static string Of(FaultPoint point) => s_names[(int)point];

    /// <summary>The point that a word names.</summary>
    public static bool TryParse(ReadOnlySpan<char> name, out FaultPoint point)
    {
        for (int i = 0; i < s_names.Length; i++)
        {
            if (name.SequenceEqual(s_names[i]))
            {
                point = (FaultPoint)i;
                return true;
            }
        }

        point = default;
        return false;
    }
}
