"""Flask's extensions, not yet bound to an application: the factory binds them."""

from __future__ import annotations

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from .models import Base

csrf = CSRFProtect()
db = SQLAlchemy(model_class=Base, disable_autonaming=True)
limiter = Limiter(key_func=get_remote_address)
migrate = Migrate()
