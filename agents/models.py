"""Reads `models` whole: every worker scores with the newest model that fits."""

from fraud_stream.app import app, settings
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.models.online import Learning
from fraud_stream.models.shelf import ModelShelf

maker = FeatureMaker(settings.feature_settings)
learning = Learning(settings.model.learning_rate, settings.model.undersampling)
shelf = ModelShelf(settings.model.name, maker.names, settings.model.min_frauds, learning)
reader = app.read_whole(settings.topics.models, shelf.offer) if settings.model.enabled else None
