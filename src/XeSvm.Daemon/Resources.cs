namespace XeSvm.Daemon;

/// <summary>The files inside the program.</summary>
internal static class Resources
{
    /// <summary>Reads a file, such as <c>Deploy/xesvmd.service</c>.</summary>
    internal static byte[] Read(string name)
    {
        using Stream stream = typeof(Resources).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The program has no file {name}.");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
