using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using XeSvm.ApiReference;

namespace XeSvm.Cli.Tests.Readme;

/// <summary>The API reference that <c>./build.sh docs</c> writes.</summary>
public sealed class ApiReferenceTests : IDisposable
{
    private static readonly Lazy<ApiModel> s_model = new(ApiModel.OfLibraries);

    private readonly TestFolder _folder = new();

    [Fact]
    public void Every_public_type_has_its_page_every_member_its_section_and_every_link_a_target()
    {
        ReferenceSite site = ReferenceSite.Of(s_model.Value);
        site.WriteTo(_folder.FullPath);

        Assert.Empty(site.Problems);
        Dictionary<string, XDocument> pages = Directory.EnumerateFiles(_folder.FullPath).ToDictionary(
            file => Path.GetFileName(file), file => XDocument.Parse(File.ReadAllText(file)[File.ReadAllText(file).IndexOf('<', 1)..]));
        Dictionary<string, HashSet<string>> places = pages.ToDictionary(
            page => page.Key, page => page.Value.Descendants().Attributes("id").Select(id => id.Value).ToHashSet());
        HashSet<string> listed = [.. Links(pages["index.html"])];
        Assert.Equal(s_model.Value.Types.Count + 1, pages.Count);
        Assert.True(pages.Count > 200, $"{pages.Count} pages");
        foreach (Type type in s_model.Value.Types)
        {
            string name = ApiModel.PageOf(type);
            Assert.Contains(name, listed);
            string[] sections = [.. s_model.Value.MembersOf(type).Select(DocumentationId.Of)];
            Assert.Equal(sections.Order(StringComparer.Ordinal), places[name].Order(StringComparer.Ordinal));
        }

        foreach ((string page, string link) in pages.SelectMany(page => Links(page.Value).Select(link => (page.Key, link))))
        {
            string[] parts = link.Split('#');
            Assert.True(
                link.StartsWith("https://learn.microsoft.com/dotnet/api/", StringComparison.Ordinal)
                || (places.TryGetValue(parts[0], out HashSet<string>? ids) && (parts.Length == 1 || ids.Contains(Uri.UnescapeDataString(parts[1])))),
                $"{page} links to {link}");
        }
    }

    [Fact]
    public void Declarations_are_what_was_written()
    {
        ReferenceSite site = ReferenceSite.Of(s_model.Value);

        Assert.All(
            new (Type Type, string Declaration)[]
            {
                (typeof(SvmBuffer<>), "public sealed class SvmBuffer<T> : IDisposable where T : unmanaged"),
                (typeof(SvmBuffer<>), "public ref T this[nuint index] { get; }"),
                (typeof(XeVm), "public bool Supports(AdviceKind kind, out string? reason)"),
                (typeof(XeVm), "public XeResult TryBind(params ReadOnlySpan<XeBindOperation> operations)"),
                (typeof(XeVm), "public XeUserMapping MapArray<T>(T[] array, ulong gpuAddress, XeBindOptions options = XeBindOptions.Immediate) where T : unmanaged"),
                (typeof(XeMemoryRegion), "public sealed record XeMemoryRegion : IEquatable<XeMemoryRegion>"),
                (typeof(MemoryLocation), "public static bool operator ==(MemoryLocation left, MemoryLocation right)"),
                (typeof(Management.SvmManager), "public event EventHandler? DeviceLost"),
                (typeof(XeVmMode), "LongRunning = 1"),
                (typeof(Hosting.XeSvmServiceCollectionExtensions), "public static XeSvmBuilder AddXeSvm(this IServiceCollection services, Action<XeSvmOptions>? configure = null)"),
            },
            expected => Assert.Contains(expected.Declaration, Text(site, expected.Type, "pre")));
    }

    [Fact]
    public void What_is_not_described_and_references_that_lead_nowhere_are_problems()
    {
        ApiModel model = ApiModel.Of([typeof(XeDevice).Assembly], assembly =>
        {
            XDocument document = ApiModel.Beside(assembly);
            document.Descendants("member").Single(member => member.Attribute("name")!.Value == "P:XeSvm.MemoryLocation.System").Remove();
            document.Descendants("member").Single(member => member.Attribute("name")!.Value == "T:XeSvm.MemoryLocation").Element("summary")!
                .ReplaceNodes("As ", new XElement("see", new XAttribute("cref", "T:XeSvm.DeviceFile")), new XElement("blink", "!"));
            return document;
        });

        ReferenceSite site = ReferenceSite.Of(model);

        Assert.Contains("P:XeSvm.MemoryLocation.System: is not described", site.Problems);
        Assert.Contains("T:XeSvm.MemoryLocation: refers to T:XeSvm.DeviceFile, which is not public", site.Problems);
        Assert.Contains("T:XeSvm.MemoryLocation: <blink> is not known here", site.Problems);
        Assert.Contains("As DeviceFile!", Text(site, typeof(MemoryLocation), "div"));
    }

    [Fact]
    public void Pages_of_types_that_are_gone_are_removed_and_other_files_stay()
    {
        string gone = _folder.Write("XeSvm.Gone.html", "old");
        string other = _folder.Write("notes.txt", "mine");

        ReferenceSite.Of(s_model.Value).WriteTo(_folder.FullPath);

        Assert.Equal((false, true), (File.Exists(gone), File.Exists(other)));
    }

    public void Dispose() => _folder.Dispose();

    private static IEnumerable<string> Links(XDocument page) => page.Descendants("a").Select(link => link.Attribute("href")!.Value);

    private static IEnumerable<string> Text(ReferenceSite site, Type type, string element)
    {
        string text = site.Pages[ApiModel.PageOf(type)];
        return XDocument.Parse(text[text.IndexOf('<', 1)..]).Descendants(element).Select(found => Regex.Replace(found.Value, @"\s+", " ").Trim());
    }
}
