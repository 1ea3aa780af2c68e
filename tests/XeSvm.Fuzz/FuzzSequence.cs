namespace XeSvm.Fuzz;

/// <summary>Steps that are run one after the other on two new files of one device; a text file, a line for each step, # begins a remark.</summary>
/// <param name="Calls">The steps.</param>
internal sealed record FuzzSequence(IReadOnlyList<FuzzCall> Calls)
{
    /// <summary>Reads a file.</summary>
    public static FuzzSequence Load(string path) =>
        new([.. File.ReadLines(path).Where(line => line.Length > 0 && line[0] != '#').Select(FuzzCall.Parse)]);

    /// <summary>Writes a file.</summary>
    public void Save(string path, string remark) =>
        File.WriteAllLines(path, remark.Split('\n').Select(line => $"# {line}").Concat(Calls.Select(call => call.Format())));
}
