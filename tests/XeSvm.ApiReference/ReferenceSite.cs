using System.Reflection;
using System.Xml.Linq;

namespace XeSvm.ApiReference;

/// <summary>The pages: one for each public type, and a list of them. They need no network and no script.</summary>
internal sealed class ReferenceSite
{
    /// <summary>The list's name.</summary>
    internal const string IndexName = "index.html";

    private const string Style = """
        :root { color-scheme: light dark; }
        body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
        code, pre { font: 0.9em/1.4 ui-monospace, monospace; }
        pre { white-space: pre-wrap; padding: 0.6rem; border: 1px solid #8886; border-radius: 4px; }
        h1 { margin-bottom: 0.2rem; } h2 { margin-top: 2rem; border-bottom: 1px solid #8886; } h3 { margin: 1.6rem 0 0.3rem; }
        dt { font-weight: 600; } dd { margin: 0 0 0.4rem 1.5rem; } p { margin: 0.4rem 0; }
        a { color: light-dark(#0550ae, #79b8ff); }
        :target { outline: 2px solid #8888; outline-offset: 4px; }
        """;

    private static readonly (string Heading, MemberTypes Kind)[] s_sections =
    [
        ("Constructors", MemberTypes.Constructor), ("Properties", MemberTypes.Property), ("Methods", MemberTypes.Method), ("Events", MemberTypes.Event),
        ("Fields", MemberTypes.Field),
    ];

    private readonly Dictionary<string, string> _pages = new(StringComparer.Ordinal);
    private readonly List<string> _problems = [];
    private readonly ApiModel _model;
    private readonly Declarations _declarations;
    private readonly Descriptions _descriptions;

    private ReferenceSite(ApiModel model)
    {
        _model = model;
        _declarations = new Declarations(model);
        _descriptions = new Descriptions(model);
        foreach (Type type in model.Types)
        {
            _pages.Add(ApiModel.PageOf(type), Page($"{Declarations.NameOf(type)} - XeSvm", TypeContent(type)));
        }

        _pages.Add(IndexName, Page("XeSvm: API reference", IndexContent()));
    }

    /// <summary>The pages' names and texts.</summary>
    internal IReadOnlyDictionary<string, string> Pages => _pages;

    /// <summary>Members without a description, and references that lead nowhere.</summary>
    internal IReadOnlyList<string> Problems => [.. _problems, .. _descriptions.Problems.Distinct(StringComparer.Ordinal)];

    /// <summary>Makes the pages.</summary>
    internal static ReferenceSite Of(ApiModel model) => new(model);

    /// <summary>Writes them. Pages of types that are gone since an earlier time are removed.</summary>
    internal void WriteTo(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (string gone in Directory.EnumerateFiles(folder, "*.html").Where(file => !_pages.ContainsKey(Path.GetFileName(file))))
        {
            File.Delete(gone);
        }

        foreach ((string name, string text) in _pages)
        {
            File.WriteAllText(Path.Combine(folder, name), text);
        }
    }

    private static string Page(string title, IEnumerable<object> content)
    {
        XElement page = new(
            "html",
            new XAttribute("lang", "en"),
            new XElement(
                "head",
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
                new XElement("title", title),
                new XElement("style", Style)),
            new XElement("body", content));
        return "<!DOCTYPE html>\n" + page.ToString(SaveOptions.DisableFormatting) + "\n";
    }

    private IEnumerable<object> IndexContent()
    {
        yield return new XElement("h1", "XeSvm: API reference");
        foreach (IGrouping<(string, string), Type> group in _model.Types.GroupBy(type => (type.Namespace!, type.Assembly.GetName().Name!))
            .OrderBy(group => group.Key.Item1.Contains("Interop", StringComparison.Ordinal)).ThenBy(group => group.Key))
        {
            yield return new XElement("h2", $"{group.Key.Item1} ({group.Key.Item2}.dll)");
            yield return new XElement("dl", group.Select(type => (object[])
            [
                new XElement("dt", new XElement("a", new XAttribute("href", ApiModel.PageOf(type)), Declarations.NameOf(type))),
                new XElement("dd", Summary(type)),
            ]));
        }
    }

    private IEnumerable<object> TypeContent(Type type)
    {
        yield return new XElement("p", new XElement("a", new XAttribute("href", IndexName), "XeSvm: API reference"));
        yield return new XElement("h1", Declarations.NameOf(type));
        yield return new XElement("p", $"{type.Namespace}, in {type.Assembly.GetName().Name}.dll");
        foreach (object part in Details(type))
        {
            yield return part;
        }

        foreach ((string heading, MemberTypes kind) in s_sections)
        {
            // Values of enumerations and fields of the kernel's structures stand in their own order.
            IEnumerable<MemberInfo> members = _model.MembersOf(type).Where(member => member.MemberType == kind);
            MemberInfo[] ordered = [.. kind == MemberTypes.Field ? members.OrderBy(member => member.MetadataToken) : members.OrderBy(member => member.Name, StringComparer.Ordinal)];
            if (ordered.Length > 0)
            {
                yield return new XElement("h2", type.IsEnum ? "Values" : heading);
            }

            foreach (MemberInfo member in ordered)
            {
                yield return new XElement("section", new XAttribute("id", DocumentationId.Of(member)), new XElement("h3", Declarations.NameOf(member)), Details(member));
            }
        }
    }

    private IEnumerable<object> Details(MemberInfo member)
    {
        XElement? description = _descriptions.Of(member);
        yield return new XElement("pre", _declarations.Of(member));
        yield return new XElement("div", Summary(member));
        foreach ((string element, string heading) in ((string, string)[])[("typeparam", "Type parameters"), ("param", "Parameters"), ("exception", "Exceptions")])
        {
            XElement[] entries = [.. description?.Elements(element).Where(entry => entry.Nodes().Any()) ?? []];
            if (entries.Length > 0 && !(member is Type && element == "param"))
            {
                yield return new XElement("p", new XElement("strong", heading));
                yield return new XElement("dl", entries.Select(entry => (object[])
                [
                    new XElement("dt", entry.Attribute("cref") is { } reference ? _descriptions.Convert(new XElement("x", new XElement("see", reference)), description!) : new XElement("code", entry.Attribute("name")!.Value)),
                    new XElement("dd", _descriptions.Convert(entry, description!)),
                ]));
            }
        }

        foreach ((string element, string heading) in ((string, string)[])[("returns", "Returns"), ("remarks", "Remarks"), ("example", "Example")])
        {
            if (_descriptions.Part(description, element) is { Length: > 0 } part)
            {
                yield return new XElement("p", new XElement("strong", heading));
                yield return new XElement("div", part);
            }
        }
    }

    private object[] Summary(MemberInfo member)
    {
        if (_descriptions.Part(_descriptions.Of(member), "summary") is { Length: > 0 } summary)
        {
            return summary;
        }

        _problems.Add($"{DocumentationId.Of(member)}: is not described");
        return ["Not described."];
    }
}
