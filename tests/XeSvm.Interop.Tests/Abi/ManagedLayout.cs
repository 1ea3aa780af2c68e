using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace XeSvm.Interop.Tests.Abi;

/// <summary>The layout that the runtime really gives a struct: measured on an instance, not read from attributes.</summary>
internal static class ManagedLayout
{
    private const BindingFlags InstanceFields = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly Dictionary<Type, string> _names = new()
    {
        [typeof(byte)] = "u8",
        [typeof(ushort)] = "u16",
        [typeof(uint)] = "u32",
        [typeof(ulong)] = "u64",
        [typeof(int)] = "s32",
        [typeof(long)] = "s64",
    };

    public static int SizeOf(Type type) => Call(nameof(Unsafe.SizeOf), typeof(Unsafe), type);

    /// <summary>Where the runtime puts the struct behind one byte.</summary>
    public static int AlignmentOf(Type type) => Call(nameof(MeasureAlignment), typeof(ManagedLayout), type);

    /// <summary>All fields, those of nested structs with dotted names, in the vocabulary of <see cref="AbiField"/>.</summary>
    public static List<AbiField> FieldsOf(Type type)
    {
        List<AbiField> fields = [];
        Collect(type, string.Empty, 0, fields);
        return fields;
    }

    private static void Collect(Type type, string prefix, int start, List<AbiField> fields)
    {
        foreach (FieldInfo field in type.GetFields(InstanceFields))
        {
            Type fieldType = field.FieldType;
            string name = prefix + field.Name;
            int offset = start + OffsetOf(type, field);
            if (_names.TryGetValue(fieldType, out string? number))
            {
                fields.Add(new AbiField(name, offset, SizeOf(fieldType), number, null, 0, IsFlexible: false));
            }
            else if (fieldType.IsPointer)
            {
                fields.Add(new AbiField(name, offset, nint.Size, "ptr", null, 0, IsFlexible: false));
            }
            else if (fieldType.GetCustomAttribute<InlineArrayAttribute>() is { } array)
            {
                Type element = fieldType.GetFields(InstanceFields).Single().FieldType;
                fields.Add(new AbiField(name, offset, SizeOf(fieldType), "array", _names[element], array.Length, IsFlexible: false));
            }
            else
            {
                fields.Add(new AbiField(name, offset, SizeOf(fieldType), "struct", null, 0, IsFlexible: false));
                Collect(fieldType, name + ".", offset, fields);
            }
        }
    }

    // Marshal.OffsetOf tells the layout of the marshalled copy; here it is the address of the field in a local variable that counts.
    private static int OffsetOf(Type type, FieldInfo field)
    {
        DynamicMethod method = new("Offset", typeof(int), Type.EmptyTypes, typeof(ManagedLayout).Module, skipVisibility: true);
        ILGenerator il = method.GetILGenerator();
        LocalBuilder local = il.DeclareLocal(type);
        il.Emit(OpCodes.Ldloca, local);
        il.Emit(OpCodes.Ldflda, field);
        il.Emit(OpCodes.Conv_U);
        il.Emit(OpCodes.Ldloca, local);
        il.Emit(OpCodes.Conv_U);
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Conv_I4);
        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<Func<int>>()();
    }

    private static int Call(string method, Type owner, Type argument) =>
        (int)owner.GetMethod(method, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)!
            .MakeGenericMethod(argument).Invoke(null, null)!;

    private static int MeasureAlignment<T>()
        where T : unmanaged => Unsafe.SizeOf<BehindByte<T>>() - Unsafe.SizeOf<T>();

    private readonly record struct BehindByte<T>(byte First, T Value)
        where T : unmanaged;
}
