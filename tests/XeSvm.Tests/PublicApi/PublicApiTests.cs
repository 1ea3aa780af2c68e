using System.Reflection;
using System.Runtime.CompilerServices;
using XeSvm.Interop;
using XeSvm.Simulation;

namespace XeSvm.Tests.PublicApi;

/// <summary>The public API is recorded in a text file for each assembly, so that it changes on purpose only, and reviewers see it.</summary>
public sealed class PublicApiTests
{
    private const string RegenerateVariable = "XESVM_WRITE_PUBLIC_API";

    [Theory]
    [InlineData(typeof(DrmFile))]
    [InlineData(typeof(SoftwareBackend))]
    [InlineData(typeof(XeDevice))]
    public void The_public_api_is_the_recorded_one(Type anyTypeOfIt)
    {
        Assembly assembly = anyTypeOfIt.Assembly;
        string name = $"{assembly.GetName().Name}.txt";
        string found = PublicApiText.Of(assembly);
        if (Environment.GetEnvironmentVariable(RegenerateVariable) == "1")
        {
            File.WriteAllText(Path.Combine(SourceFolder(), name), found);
            return;
        }

        string recorded = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "PublicApi", name)).ReplaceLineEndings("\n");
        Assert.True(recorded == found, Describe(name, recorded, found));
    }

    [Fact]
    public void The_text_tells_types_members_and_nullability()
    {
        string text = PublicApiText.Of(typeof(XeDevice).Assembly);

        Assert.Contains("\nXeSvm.XeDevice sealed class : IDisposable\n", text, StringComparison.Ordinal);
        Assert.Contains("\n    TryCreateVm(XeSvm.XeVmOptions options, out XeSvm.XeVm? vm) : XeSvm.XeResult\n", text, StringComparison.Ordinal);
        Assert.Contains("\n    required Size { get; init; } : ulong\n", text, StringComparison.Ordinal);
        Assert.Contains("\n    WriteBack = 1\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("DeviceFile", text, StringComparison.Ordinal);
    }

    private static string Describe(string name, string recorded, string found)
    {
        string[] before = recorded.Split('\n');
        string[] after = found.Split('\n');
        return $"The public API differs from tests/XeSvm.Tests/PublicApi/{name}.\n" +
            string.Join('\n', after.Except(before).Select(line => "new:  " + line).Concat(before.Except(after).Select(line => "gone: " + line)).Take(40)) +
            $"\nIf that is intended, record it: {RegenerateVariable}=1 dotnet test tests/XeSvm.Tests --filter PublicApi, then look at the difference and commit it.";
    }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
