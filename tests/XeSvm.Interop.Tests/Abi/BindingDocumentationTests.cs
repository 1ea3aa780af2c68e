using System.Xml.Linq;
using XeSvm.Interop.Uapi;
using Xunit.Abstractions;

namespace XeSvm.Interop.Tests.Abi;

/// <summary>What the documentation of a binding must tell: it is read from the file that the compiler made of the comments.</summary>
public sealed class BindingDocumentationTests(ITestOutputHelper output)
{
    private static readonly string[] _facts = ["Nodes: ", "Permission: ", "Blocks: ", "Faults: "];

    private static readonly Dictionary<string, string> _documentation = XDocument
        .Load(Path.Combine(AppContext.BaseDirectory, "XeSvm.Interop.xml")).Descendants("member")
        .ToDictionary(member => member.Attribute("name")!.Value, Text, StringComparer.Ordinal);

    [Fact]
    public void Every_request_says_node_permission_blocking_faults_and_for_xe_its_first_kernel()
    {
        List<string> missing = [];
        List<AbiRequest> requests = KernelAbi.Load().Requests;
        foreach (AbiRequest request in requests)
        {
            string text = Of($"T:{typeof(DrmXe).Namespace}.{request.Struct}");
            string[] wanted = request.Name.StartsWith("DRM_IOCTL_XE_", StringComparison.Ordinal) ? [.. _facts, "Since: "] : _facts;
            missing.AddRange(wanted.Append(request.Name).Where(fact => !text.Contains(fact, StringComparison.Ordinal))
                .Select(fact => $"{request.Struct}, for {request.Name}: no '{fact}'"));
        }

        Assert.Empty(missing);
        output.WriteLine($"The documentation of {requests.Count} requests names node, permission, blocking and faults.");
    }

    [Fact]
    public void Every_struct_that_is_no_argument_says_which_request_carries_it()
    {
        KernelAbi kernel = KernelAbi.Load();
        HashSet<string> arguments = [.. kernel.Requests.Select(request => request.Struct)];
        string[] silent =
        [
            .. kernel.Structs.Select(item => item.Name).Where(name => !arguments.Contains(name))
                .Where(name => !IsExplained(Of($"T:{typeof(DrmXe).Namespace}.{name}"))),
        ];

        Assert.Empty(silent);
    }

    // Some structs are arguments of requests on the descriptor of a stream, not of a node.
    private static bool IsExplained(string text) =>
        text.Contains("Carried by ", StringComparison.Ordinal) || text.Contains("Request: ", StringComparison.Ordinal);

    private static string Of(string member) => _documentation.GetValueOrDefault(member, string.Empty);

    // Lines are broken anywhere: one space for each run of white space; <see> and <c> give their text.
    private static string Text(XElement member) =>
        string.Join(' ', member.Value.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
