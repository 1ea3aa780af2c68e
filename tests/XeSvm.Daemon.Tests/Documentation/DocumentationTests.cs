using System.Runtime.CompilerServices;
using XeSvm.Daemon.Documentation;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.Tests.Documentation;

public sealed class DocumentationTests
{
    private const string RegenerateVariable = "XESVM_WRITE_DOCUMENTATION";

    [Theory]
    [InlineData("configuration")]
    [InlineData("metrics")]
    public void The_table_in_the_documentation_is_the_one_that_the_code_makes(string table)
    {
        string path = Path.GetFullPath(Path.Combine(SourceFolder(), "../../../src/XeSvm.Daemon/README.md"));
        string text = File.ReadAllText(path);
        string begin = $"<!-- {table}: made by 'xesvmd documentation {table}' -->\n\n";
        const string End = "\n<!-- end -->";
        int from = text.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        int until = text.IndexOf(End, from, StringComparison.Ordinal);
        string made = table == "metrics" ? MetricTables.Markdown() : SettingTables.Markdown();
        if (Environment.GetEnvironmentVariable(RegenerateVariable) == "1")
        {
            File.WriteAllText(path, text[..from] + made + text[until..]);
            return;
        }

        Assert.True(text[from..until] == made, $"{path}: the table of {table} is not current. Make it with {RegenerateVariable}=1 dotnet test tests/XeSvm.Daemon.Tests --filter Documentation.");
    }

    [Fact]
    public void Every_setting_has_a_row_that_a_table_can_hold() => Assert.All(SettingTable.All, setting =>
    {
        Assert.EndsWith(".", setting.Description, StringComparison.Ordinal);
        Assert.DoesNotContain('|', setting.Description + setting.Valid + setting.Default);
    });

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
