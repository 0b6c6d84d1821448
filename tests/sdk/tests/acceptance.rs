#[test]
fn nothing() { let _ = aws_sdk_elasticloadbalancingv2::Config::builder(); let _ = aws_smithy_http_client::Builder::new().build_http(); }
