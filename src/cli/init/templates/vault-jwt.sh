if issuer=$({{cli}} read -field=bound_issuer auth/{{auth-mount}}/config 2>/dev/null); then
    if [ "$issuer" != {{issuer}} ]; then
        echo "auth/{{auth-mount}} trusts $issuer: take another mount by \`init --auth-mount NAME\`" >&2
        exit 1
    fi
else
    {{cli}} write auth/{{auth-mount}}/config \
        oidc_discovery_url={{issuer}} \
        bound_issuer={{issuer}}
fi
