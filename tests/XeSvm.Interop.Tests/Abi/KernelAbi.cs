using System.Globalization;
using System.Text.Json;

namespace XeSvm.Interop.Tests.Abi;

/// <summary>A field as the kernel's own header compiles: the yardstick for the managed structs.</summary>
internal sealed record AbiField(string Name, int Offset, int Size, string Type, string? Element, int Count, bool IsFlexible);

/// <summary>A struct as the kernel's own header compiles.</summary>
internal sealed record AbiStruct(string Name, int Size, int Alignment, IReadOnlyList<AbiField> Fields);

/// <summary>A request number and what it is made of.</summary>
internal sealed record AbiRequest(string Name, uint Number, string Direction, int Size, int Index, string Struct);

/// <summary>The content of xe-abi-7.3.json: offsets, sizes and numbers, taken from compiled headers of Linux 7.3.</summary>
internal sealed class KernelAbi
{
    private KernelAbi(JsonElement root)
    {
        foreach (string group in (string[])["xe", "drm"])
        {
            JsonElement part = root.GetProperty(group);
            Dictionary<string, ulong> constants = group == "xe" ? XeConstants : DrmConstants;
            Structs.AddRange(part.GetProperty("structs").EnumerateObject().Select(ReadStruct));
            foreach (JsonProperty constant in part.GetProperty("constants").EnumerateObject())
            {
                constants.Add(constant.Name, ParseHexadecimal(constant.Value.GetProperty("hex").GetString()!));
            }

            foreach (AbiRequest request in part.GetProperty("ioctls").EnumerateObject().Select(ReadRequest))
            {
                Requests.Add(request);
                constants.Add(request.Name, request.Number);
            }
        }

        JsonElement enums = root.GetProperty("xe").GetProperty("enums");
        foreach (JsonProperty member in enums.EnumerateObject().SelectMany(item => item.Value.EnumerateObject()))
        {
            XeConstants.Add(member.Name, member.Value.GetUInt64());
            EnumMembers++;
        }

        foreach (JsonProperty request in root.GetProperty("xe").GetProperty("observation_fd_ioctls").EnumerateObject())
        {
            // The same numbers are members of an enum.
            Assert.Equal(XeConstants[request.Name], request.Value.GetProperty("number").GetUInt64());
        }
    }

    public List<AbiStruct> Structs { get; } = [];

    public List<AbiRequest> Requests { get; } = [];

    /// <summary>Macros, enum members and request numbers of xe; a negative one as its 32 bits.</summary>
    public Dictionary<string, ulong> XeConstants { get; } = new(StringComparer.Ordinal);

    /// <summary>Macros and request numbers of the DRM core.</summary>
    public Dictionary<string, ulong> DrmConstants { get; } = new(StringComparer.Ordinal);

    public int EnumMembers { get; }

    public static KernelAbi Load()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "xe-abi-7.3.json")));
        return new KernelAbi(document.RootElement);
    }

    private static AbiStruct ReadStruct(JsonProperty property) => new(
        property.Name,
        property.Value.GetProperty("size").GetInt32(),
        property.Value.GetProperty("align").GetInt32(),
        [.. property.Value.GetProperty("fields").EnumerateArray().Select(ReadField)]);

    private static AbiField ReadField(JsonElement field) => new(
        field.GetProperty("name").GetString()!,
        field.GetProperty("offset").GetInt32(),
        field.GetProperty("size").GetInt32(),
        field.GetProperty("type").GetString()!,
        field.TryGetProperty("elem", out JsonElement element) ? element.GetString() : null,
        field.TryGetProperty("count", out JsonElement count) ? count.GetInt32() : 0,
        field.TryGetProperty("flexible", out JsonElement flexible) && flexible.GetBoolean());

    private static AbiRequest ReadRequest(JsonProperty property) => new(
        property.Name,
        property.Value.GetProperty("number").GetUInt32(),
        property.Value.GetProperty("dir").GetString()!,
        property.Value.GetProperty("size").GetInt32(),
        property.Value.GetProperty("nr").GetInt32(),
        property.Value.GetProperty("struct").GetString()!);

    private static ulong ParseHexadecimal(string text) =>
        ulong.Parse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
