using System.Diagnostics;

namespace XeSvm.Cli.Tests.Browser;

/// <summary>A browser without a window, where the machine has one.</summary>
internal static class Chromium
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    /// <summary>The browser's path, or null.</summary>
    internal static string? Path { get; } = new[] { "chromium", "chromium-browser", "google-chrome" }
        .SelectMany(name => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(folder => System.IO.Path.Combine(folder, name)))
        .FirstOrDefault(File.Exists);

    /// <summary>Why a test that needs it is skipped.</summary>
    internal const string SkipReason = "No Chromium on the PATH (Debian: apt-get install chromium).";

    /// <summary>Opens a page, lets its scripts run, and gives what stands in the document then.</summary>
    internal static string DumpDocument(TestFolder folder, string page) => Run(folder, "--dump-dom", page);

    /// <summary>Draws a page to a file.</summary>
    internal static void Draw(TestFolder folder, string page, int width, int height, string file) =>
        Run(folder, $"--screenshot={file}", page, $"--window-size={width},{height}", "--hide-scrollbars");

    private static string Run(TestFolder folder, string action, string page, params string[] more)
    {
        ProcessStartInfo start = new(Path!)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] arguments =
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", $"--user-data-dir={folder.PathOf("profile")}",
            .. more, action, new Uri(page).AbsoluteUri,
        ];
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"The browser did not end within {s_patience}.");
        }

        return process.ExitCode == 0 ? output.Result : throw new InvalidOperationException($"The browser ended with {process.ExitCode}: {error.Result}");
    }
}
