using System.Runtime.CompilerServices;
using XeSvm.Tests.PublicApi;

namespace XeSvm.Hosting.Tests.PublicApi;

/// <summary>The public API is recorded in a text file, so that it changes on purpose only, and reviewers see it.</summary>
public sealed class PublicApiTests
{
    private const string FileName = "XeSvm.Hosting.txt";
    private const string RegenerateVariable = "XESVM_WRITE_PUBLIC_API";

    [Fact]
    public void The_public_api_is_the_recorded_one()
    {
        string found = PublicApiText.Of(typeof(XeSvmBuilder).Assembly);
        if (Environment.GetEnvironmentVariable(RegenerateVariable) == "1")
        {
            File.WriteAllText(Path.Combine(SourceFolder(), FileName), found);
            return;
        }

        string[] recorded = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "PublicApi", FileName)).ReplaceLineEndings("\n").Split('\n');
        string[] now = found.Split('\n');
        IEnumerable<string> differences = now.Except(recorded).Select(line => "new:  " + line).Concat(recorded.Except(now).Select(line => "gone: " + line));
        Assert.True(
            recorded.SequenceEqual(now),
            $"The public API differs from tests/XeSvm.Hosting.Tests/PublicApi/{FileName}.\n{string.Join('\n', differences)}\n"
            + $"If that is intended, record it: {RegenerateVariable}=1 dotnet test tests/XeSvm.Hosting.Tests --filter PublicApi, then look at the difference and commit it.");
    }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
