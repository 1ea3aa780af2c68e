using System.Reflection;
using System.Runtime.CompilerServices;
using System.Xml.Linq;
using XeSvm.Hosting;
using XeSvm.Interop;
using XeSvm.Simulation;

namespace XeSvm.ApiReference;

/// <summary>What assemblies show to their users, with the descriptions that the compiler wrote beside them.</summary>
internal sealed class ApiModel
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private readonly Dictionary<string, XElement> _descriptions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _addresses = new(StringComparer.Ordinal);

    private ApiModel(IReadOnlyList<Assembly> assemblies, Func<Assembly, XDocument> descriptionsOf)
    {
        Types = [.. assemblies.SelectMany(assembly => assembly.GetExportedTypes()).OrderBy(type => type.FullName, StringComparer.Ordinal)];
        foreach (XElement member in assemblies.SelectMany(assembly => descriptionsOf(assembly).Descendants("member")))
        {
            _descriptions[member.Attribute("name")!.Value] = member;
        }

        foreach (Type type in Types)
        {
            _addresses.Add(DocumentationId.Of(type), PageOf(type));
            foreach (MemberInfo member in MembersOf(type))
            {
                string id = DocumentationId.Of(member);
                _addresses.TryAdd(id, $"{PageOf(type)}#{Uri.EscapeDataString(id)}");
            }
        }
    }

    /// <summary>The public types, by name.</summary>
    internal IReadOnlyList<Type> Types { get; }

    /// <summary>The libraries that are packages.</summary>
    internal static ApiModel OfLibraries() =>
        Of([typeof(XeDevice).Assembly, typeof(XeSvmServiceCollectionExtensions).Assembly, typeof(SoftwareBackend).Assembly, typeof(DrmFile).Assembly], Beside);

    /// <summary>The model of assemblies.</summary>
    /// <param name="assemblies">The assemblies.</param>
    /// <param name="descriptionsOf">Gives the documentation file of each.</param>
    internal static ApiModel Of(IReadOnlyList<Assembly> assemblies, Func<Assembly, XDocument> descriptionsOf) => new(assemblies, descriptionsOf);

    /// <summary>The documentation file that the compiler wrote beside an assembly.</summary>
    internal static XDocument Beside(Assembly assembly) => XDocument.Load(Path.ChangeExtension(assembly.Location, ".xml"), LoadOptions.PreserveWhitespace);

    /// <summary>The file of a type's page.</summary>
    internal static string PageOf(Type type) =>
        DocumentationId.Of(type)[2..].Replace('`', '-') + ".html";

    /// <summary>What a type shows besides its nested types: what was written, not what the compiler adds to records.</summary>
    internal IEnumerable<MemberInfo> MembersOf(Type type) => type.GetMembers(Declared).Where(member => IsShown(member) && !IsGenerated(member));

    /// <summary>The address of a member's description from any page; null when it is not public.</summary>
    internal string? AddressOf(string id) => _addresses.GetValueOrDefault(id);

    /// <summary>What the compiler wrote about a member; null when nothing is there.</summary>
    internal XElement? DescriptionOf(string id) => _descriptions.GetValueOrDefault(id);

    private static bool IsShown(MemberInfo member) => member switch
    {
        MethodInfo method => IsVisible(method) && (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal)),
        ConstructorInfo constructor => IsVisible(constructor) && !constructor.IsStatic,
        PropertyInfo property => property.GetAccessors(nonPublic: true).Any(IsVisible),
        EventInfo happening => IsVisible(happening.AddMethod!),
        FieldInfo field => (field.IsPublic || ((field.IsFamily || field.IsFamilyOrAssembly) && !field.DeclaringType!.IsSealed)) && !field.IsSpecialName,
        _ => false,
    };

    private static bool IsVisible(MethodBase method) =>
        method.IsPublic || ((method.IsFamily || method.IsFamilyOrAssembly) && !method.DeclaringType!.IsSealed);

    /// <summary>What the compiler adds. Of a constructor without parameters only that it is not described tells: one that was written is (CS1591).</summary>
    private bool IsGenerated(MemberInfo member) =>
        member.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false)
        || member.Name.Contains('<', StringComparison.Ordinal)
        || typeof(Delegate).IsAssignableFrom(member.DeclaringType)
        || (member is ConstructorInfo constructor && constructor.GetParameters().Length == 0 && DescriptionOf(DocumentationId.Of(member)) is null);
}
