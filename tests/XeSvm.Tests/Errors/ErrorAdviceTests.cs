using System.Reflection;
using XeSvm.Interop;

namespace XeSvm.Tests.Errors;

public sealed class ErrorAdviceTests
{
    private static readonly string[] _operations =
    [
        .. typeof(XeOperation).GetFields(BindingFlags.Static | BindingFlags.NonPublic).Select(field => (string)field.GetRawConstantValue()!),
    ];

    [Fact]
    public void Every_operation_has_a_name_of_its_own() => Assert.Equal(_operations.Length, _operations.Distinct().Count());

    [Fact]
    public void Every_errno_of_every_operation_has_advice_in_sentences()
    {
        foreach (string operation in _operations)
        {
            for (int errno = 1; errno < 134; errno++)
            {
                string advice = ErrorAdvice.For(operation, errno);
                Assert.True(advice.Length > 15 && (advice.EndsWith('.') || advice.EndsWith(')')), $"{operation}, {Errno.Name(errno)}: {advice}");
            }
        }
    }

    [Fact]
    public void Advice_depends_on_the_operation()
    {
        Assert.NotEqual(ErrorAdvice.For(XeOperation.Exec, Errno.ECANCELED), ErrorAdvice.For(XeOperation.VmCreate, Errno.ECANCELED));
        Assert.NotEqual(ErrorAdvice.For(XeOperation.VmBind, Errno.ENOENT), ErrorAdvice.For(XeOperation.Open, Errno.ENOENT));
        Assert.Equal(ErrorAdvice.For(XeOperation.GemCreate, Errno.ENOMEM), ErrorAdvice.For(XeOperation.Madvise, Errno.ENOMEM));
    }
}
