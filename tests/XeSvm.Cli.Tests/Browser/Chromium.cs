namespace XeSvm.Cli.Tests.Browser;

/// <summary>A browser without a window, where the machine has one.</summary>
internal static class Chromium
{
    /// <summary>The browser's path, or null.</summary>
    internal static string? Path { get; } = MachineProgram.Find("chromium", "chromium-browser", "google-chrome");

    /// <summary>Why a test that needs it is skipped.</summary>
    internal const string SkipReason = "No Chromium on the PATH (Debian: apt-get install chromium).";

    /// <summary>Opens a page, lets its scripts run, and gives what stands in the document then.</summary>
    internal static string DumpDocument(TestFolder folder, string page) => Run(folder, "--dump-dom", page);

    /// <summary>Draws a page to a file.</summary>
    internal static void Draw(TestFolder folder, string page, int width, int height, string file) =>
        Run(folder, $"--screenshot={file}", page, $"--window-size={width},{height}", "--hide-scrollbars");

    /// <summary>Prints a page to a PDF file, on the paper and with the margins that a person gets who changes nothing.</summary>
    internal static void Print(TestFolder folder, string page, string file) =>
        Run(folder, $"--print-to-pdf={file}", page, "--no-pdf-header-footer");

    private static string Run(TestFolder folder, string action, string page, params string[] more) =>
        MachineProgram.Run(
            Path!,
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", $"--user-data-dir={folder.PathOf("profile")}",
                .. more, action, new Uri(page).AbsoluteUri,
            ]);
}
