namespace XeSvm.Fuzz;

/// <summary>Makes a sequence smaller that still does what it did: fewer steps, fewer structures, fewer bytes that are not 0.</summary>
/// <param name="stillFails">Whether a sequence does it.</param>
internal sealed class Minimiser(Func<FuzzSequence, bool> stillFails)
{
    private const int WordBytes = 8;

    /// <summary>A smaller sequence, or the same.</summary>
    public FuzzSequence Minimise(FuzzSequence sequence)
    {
        List<FuzzCall> calls = DropSteps([.. sequence.Calls]);
        for (int step = 0; step < calls.Count; step++)
        {
            DropWrites(calls, step);
            ClearWords(calls, step);
        }

        return new FuzzSequence(calls);
    }

    /// <summary>Leaves out ever smaller runs of steps.</summary>
    private List<FuzzCall> DropSteps(List<FuzzCall> calls)
    {
        for (int run = Math.Max(calls.Count / 2, 1); run > 0; run /= 2)
        {
            for (int start = 0; start < calls.Count;)
            {
                List<FuzzCall> fewer = [.. calls.Take(start), .. calls.Skip(start + run)];
                if (stillFails(new FuzzSequence(fewer)))
                {
                    calls = fewer;
                }
                else
                {
                    start += run;
                }
            }
        }

        return calls;
    }

    private void DropWrites(List<FuzzCall> calls, int step)
    {
        for (int write = calls[step].Writes.Length - 1; write >= 0; write--)
        {
            int index = write;
            TryReplace(calls, step, calls[step] with { Writes = [.. calls[step].Writes.Where((_, at) => at != index)] });
        }
    }

    private void ClearWords(List<FuzzCall> calls, int step)
    {
        for (int at = 0; at < calls[step].Argument.Length; at += WordBytes)
        {
            byte[] argument = [.. calls[step].Argument];
            Span<byte> word = argument.AsSpan(at, Math.Min(WordBytes, argument.Length - at));
            if (word.IndexOfAnyExcept((byte)0) >= 0)
            {
                word.Clear();
                TryReplace(calls, step, calls[step] with { Argument = argument });
            }
        }
    }

    private void TryReplace(List<FuzzCall> calls, int step, FuzzCall smaller)
    {
        FuzzCall call = calls[step];
        calls[step] = smaller;
        if (!stillFails(new FuzzSequence(calls)))
        {
            calls[step] = call;
        }
    }
}
